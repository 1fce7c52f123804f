//! From a burst of lost LUNs to the first wave of VMs: what the core itself costs, for 1,000 and for 10,000 VMs.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use farshore_benches::{Pair, deployment};

fn burst(c: &mut Criterion) {
    let mut group = c.benchmark_group("burst to first wave");
    group.sample_size(10);
    for groups in [100u16, 1000] {
        let vms = usize::from(groups) * 10;
        let pair = Pair::protected(&deployment(groups));
        group.throughput(Throughput::Elements(vms as u64));
        group.bench_function(format!("{vms} VMs in {groups} groups"), |b| {
            b.iter_batched_ref(|| pair.clone(), |pair| pair.lose_all_and_start(vms), BatchSize::LargeInput);
        });
    }
    group.finish();
}

criterion_group!(benches, burst);
criterion_main!(benches);
