# The smallest guest that can lose data: 512 bytes in the boot sector of the VM's own LUN, run by SeaBIOS.
#
# About nine times a second it writes a record to the ring (sectors 16 to 1039), then to the head (sector 8), and only
# then says ACK on the first serial port: SeaBIOS negotiates no write cache, so an acknowledged record is on the medium.
# After a restart it goes on from the head. 'h' on the serial port powers it off.
#
# A record: "FSR1", the VM's name (16 bytes, from the boot sector), the number (u32), a checksum of these (u32).
#
#   as --32 farshore.S -o farshore.o
#   ld -m elf_i386 -Ttext 0x7c00 --oformat binary -e _start farshore.o -o farshore.bin
.code16
.intel_syntax noprefix
.set record, 0x8000
.set number, record + 20
.set sum,    record + 24
.globl _start
_start:
    cli
    xor  ax, ax
    mov  ds, ax
    mov  es, ax
    mov  ss, ax
    mov  sp, 0x7c00
    sti
    cld
    mov  drive, dl
    mov  dword ptr lba, 8
    mov  ah, 0x42
    call disk
    jc   hang
    cmp  dword ptr [record], 0x31525346
    je   resume
    # A new disk: an empty record of this VM.
    mov  di, offset record
    mov  cx, 256
    xor  ax, ax
    rep  stosw
    mov  dword ptr [record], 0x31525346
    mov  si, offset name
    mov  di, offset record + 4
    mov  cx, 8
    rep  movsw
resume:
    mov  si, offset said_resume
    call say
loop:
    inc  dword ptr [number]
    call checksum
    mov  eax, [number]
    and  eax, 1023
    add  eax, 16
    mov  lba, eax
    mov  ah, 0x43
    call disk
    jc   failed
    mov  dword ptr lba, 8
    mov  ah, 0x43
    call disk
    jc   failed
    mov  si, offset said_ack
    call say
    jmp  pause
failed:
    dec  dword ptr [number]
    mov  si, offset said_err
    call say
pause:
    mov  ecx, [0x46c]
    add  ecx, 2
wait:
    mov  dx, 0x3fd
    in   al, dx
    test al, 1
    jz   rest
    mov  dx, 0x3f8
    in   al, dx
    cmp  al, 'h'
    je   off
rest:
    hlt
    cmp  [0x46c], ecx
    jb   wait
    jmp  loop
off:
    mov  si, offset said_halt
    call say
    mov  dx, 0x604
    mov  ax, 0x2000
    out  dx, ax
hang:
    hlt
    jmp  hang
# sum = for each byte before it: rotate left by one, add
checksum:
    xor  eax, eax
    mov  [sum], eax
    mov  si, offset record
    mov  cx, 24
    xor  ebx, ebx
next:
    lodsb
    movzx eax, al
    rol  ebx, 1
    add  ebx, eax
    loopw next
    mov  [sum], ebx
    ret
disk:
    mov  word ptr dap + 2, 1
    mov  si, offset dap
    mov  dl, drive
    mov  al, 0
    int  0x13
    ret
# a word, a blank, the number in hexadecimal
say:
    lodsb
    test al, al
    jz   digits
    call put
    jmp  say
digits:
    mov  eax, [number]
    mov  cx, 8
digit:
    rol  eax, 4
    push eax
    and  al, 15
    add  al, '0'
    cmp  al, '9'
    jbe  plain
    add  al, 7
plain:
    call put
    pop  eax
    loopw digit
    mov  al, '\n'
put:
    push ax
    mov  dx, 0x3fd
busy:
    in   al, dx
    test al, 0x20
    jz   busy
    pop  ax
    mov  dx, 0x3f8
    out  dx, al
    ret
said_resume: .asciz "RESUME "
said_ack:    .asciz "ACK "
said_err:    .asciz "ERR "
said_halt:   .asciz "HALT "
drive: .byte 0x80
dap:   .byte 16, 0
       .word 1
       .word record
       .word 0
lba:   .long 0, 0
.org 494
name:  .fill 16, 1, 0
.org 510
.word 0xaa55
