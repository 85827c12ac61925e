//! Kernels of Coterie: stateless functions over buffers.
//!
//! NumPy arrays in, NumPy arrays out, the GIL released, all cores used. No protocol logic and no I/O.

use pyo3::prelude::*;

mod angles;
mod arrays;
mod blake;
mod buckets;
mod chunks;
mod code;
mod correlate;
mod cpu;
mod cuckoo;
mod dcf;
mod dealt;
mod elements;
mod endemic;
mod exponential;
mod fixed;
mod forest;
mod forest_splits;
mod gf128;
mod ggm;
mod guard;
mod hashing;
mod items;
#[cfg(target_arch = "x86_64")]
mod lanes;
#[cfg(target_arch = "x86_64")]
mod lanes_curve;
#[cfg(target_arch = "x86_64")]
mod lanes_hash;
#[cfg(target_arch = "x86_64")]
mod lanes_ristretto;
#[cfg(target_arch = "x86_64")]
mod lanes_roots;
mod limits;
mod masks;
mod matmul;
mod messages;
mod nodes;
mod noise;
mod octaves;
mod okvs;
mod okvs_peel;
mod packed;
mod planes;
mod prg;
mod products;
mod ring;
mod ristretto;
mod rows;
mod shamir;
mod signatures;
mod simd;
mod spans;
mod sums;
mod tags;
mod tiles;
mod tree;
mod trig;
mod voprf;
mod voprf_proof;
mod walk;
mod wide;

/// The Python module `coterie._kernels`.
#[pymodule]
fn _kernels(module: &Bound<'_, PyModule>) -> PyResult<()> {
    chunks::register(module)?;
    code::register(module)?;
    correlate::register(module)?;
    cpu::register(module)?;
    cuckoo::register(module)?;
    dcf::register(module)?;
    endemic::register(module)?;
    exponential::register(module)?;
    forest::register(module)?;
    forest_splits::register(module)?;
    gf128::register(module)?;
    ggm::register(module)?;
    guard::register(module)?;
    hashing::register(module)?;
    items::register(module)?;
    limits::register(module)?;
    masks::register(module)?;
    matmul::register(module)?;
    nodes::register(module)?;
    octaves::register(module)?;
    noise::register(module)?;
    okvs::register(module)?;
    prg::register(module)?;
    ring::register(module)?;
    ristretto::register(module)?;
    shamir::register(module)?;
    signatures::register(module)?;
    tags::register(module)?;
    trig::register(module)?;
    voprf::register(module)?;
    voprf_proof::register(module)?;
    Ok(())
}
