#!/usr/bin/env bash
# Installs what the lab needs: QEMU (hosts and arrays), an iSCSI target, a medium that can be made to fail.
#
#   scripts/setup-lab.sh                 the packages of the lab
#   scripts/setup-lab.sh --linux-guest   also a kernel and a shell for `farshore lab --guest linux`
#
# Debian and its relatives; as root. Does nothing where everything is there already.
set -euo pipefail

packages=(qemu-system-x86 qemu-block-extra tgt nbdkit)
case "${1-}" in
  "") ;;
  --linux-guest) packages+=(linux-image-cloud-amd64 busybox-static) ;;
  *) echo "usage: $0 [--linux-guest]" >&2; exit 2 ;;
esac

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  echo "the lab's packages are installed"
  exit 0
fi

if ((EUID != 0)); then
  echo "as root, please: sudo $0 $*" >&2
  exit 1
fi
command -v apt-get >/dev/null || { echo "no apt-get here: install ${missing[*]} by hand" >&2; exit 1; }

echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null

for command in qemu-system-x86_64 qemu-storage-daemon tgtd tgtadm nbdkit; do
  command -v "$command" >/dev/null || { echo "$command is still missing: see what apt-get says about ${packages[*]}" >&2; exit 1; }
done
echo "the lab's packages are installed"
