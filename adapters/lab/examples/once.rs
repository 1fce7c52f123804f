//! One run of the lab, told as it happens.
use farshore_lab::{Notice, Options, run};
use farshore_qemu::array::Mode;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let asynchronous = std::env::args().any(|a| a == "async");
    let mode = if asynchronous { Mode::Asynchronous } else { Mode::Synchronous };
    let options = Options { mode, ..Options::default() };
    let report = run(
        &options,
        &|n| {
            if !matches!(n, Notice::Vm(..)) {
                println!("{n:?}")
            }
        },
        &|| false,
    )?;
    println!("{report:#?}\nwrong: {:?}", report.wrong());
    Ok(())
}
