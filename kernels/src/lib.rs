//! Kernels of Coterie: stateless functions over buffers.
//!
//! NumPy arrays in, NumPy arrays out, the GIL released, all cores used. No protocol logic and no I/O.

use pyo3::prelude::*;

mod angles;
mod arrays;
mod cpu;
mod dealt;
mod exponential;
mod fixed;
mod hashing;
mod limits;
mod matmul;
mod packed;
mod prg;
mod products;
mod ring;
mod ristretto;
mod rows;
mod simd;
mod tiles;
mod trig;

/// The Python module `coterie._kernels`.
#[pymodule]
fn _kernels(module: &Bound<'_, PyModule>) -> PyResult<()> {
    cpu::register(module)?;
    exponential::register(module)?;
    hashing::register(module)?;
    limits::register(module)?;
    matmul::register(module)?;
    prg::register(module)?;
    ring::register(module)?;
    ristretto::register(module)?;
    trig::register(module)?;
    Ok(())
}
