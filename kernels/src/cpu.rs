//! What this machine's processor offers, found at run time, and running a kernel with it.

use pyo3::prelude::*;

#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512};
use crate::simd::{Portable, Simd};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

/// An instruction set that this machine has: only [`Level::all`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Kind);

/// An inner loop that is compiled once per instruction set.
///
/// `run` and all that it calls must be `#[inline(always)]`: only then the compiler builds the loop with the
/// instructions of the level. Plain loops, therefore: the standard library's closures, such as in `array::map`, may
/// become functions of their own, and then every instruction in them a call.
pub trait Kernel {
    /// The loop.
    fn run<S: Simd>(self);
}

impl Level {
    /// All that this machine has, best first. The standard library caches the detection.
    pub fn all() -> Vec<Self> {
        let mut levels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
                levels.push(Level(Kind::Avx512));
            }
            if is_x86_feature_detected!("avx2") {
                levels.push(Level(Kind::Avx2));
            }
        }
        levels.push(Level(Kind::Portable));
        levels
    }

    /// The fastest that this machine has.
    pub fn best() -> Self {
        static BEST: std::sync::OnceLock<Level> = std::sync::OnceLock::new();
        *BEST.get_or_init(|| Level::all()[0])
    }

    /// Runs a kernel compiled for this level.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a Level of this kind exists only where both features were detected.
            Kind::Avx512 => unsafe { avx512(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a Level of this kind exists only where the feature was detected.
            Kind::Avx2 => unsafe { avx2(kernel) },
            Kind::Portable => kernel.run::<Portable>(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq")]
fn avx512<K: Kernel>(kernel: K) {
    kernel.run::<Avx512>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2<K: Kernel>(kernel: K) {
    kernel.run::<Avx2>();
}

/// Names of the instruction sets that kernels may use on this machine, best first.
#[pyfunction]
fn cpu_features() -> Vec<&'static str> {
    let mut found = Vec::new();
    for level in Level::all() {
        match level.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => found.push("avx512"),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => found.push("avx2"),
            Kind::Portable => {}
        }
    }
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("aes") {
        found.push("aes");
    }
    #[cfg(target_arch = "aarch64")]
    {
        if std::arch::is_aarch64_feature_detected!("neon") {
            found.push("neon");
        }
        if std::arch::is_aarch64_feature_detected!("aes") {
            found.push("aes");
        }
    }
    found.push("portable");
    found
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(cpu_features, module)?)
}
