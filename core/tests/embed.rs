//! The example for embedders runs, and ends with the VMs at the other site.

#[path = "../examples/embed.rs"]
mod embed;

#[test]
fn the_example_recovers_its_vms() {
    embed::main().unwrap();
}
