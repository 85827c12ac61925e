//! What this machine's processor offers, found at run time.

use pyo3::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

/// An instruction set that this machine has: only [`Level::best`] and [`Level::all`] make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Kind);

impl Level {
    /// The fastest that this machine has. The standard library caches the detection.
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
                return Level(Kind::Avx512);
            }
            if is_x86_feature_detected!("avx2") {
                return Level(Kind::Avx2);
            }
        }
        Level(Kind::Portable)
    }

    /// All that this machine has, best first: tests compare their results.
    #[cfg(test)]
    pub fn all() -> Vec<Self> {
        let mut levels = vec![Level::best()];
        #[cfg(target_arch = "x86_64")]
        if levels[0] == Level(Kind::Avx512) && is_x86_feature_detected!("avx2") {
            levels.push(Level(Kind::Avx2));
        }
        if levels[0] != Level(Kind::Portable) {
            levels.push(Level(Kind::Portable));
        }
        levels
    }

    /// Runs a kernel compiled for this level.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a Level of this kind is made only after both features were detected.
            Kind::Avx512 => unsafe { avx512(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a Level of this kind is made only after the feature was detected.
            Kind::Avx2 => unsafe { avx2(kernel) },
            Kind::Portable => portable(kernel),
        }
    }
}

/// An inner loop that is compiled once per instruction set.
///
/// `run` and all that it calls must be `#[inline(always)]`: only then the compiler builds the loop with the
/// instructions of the level. `WIDE_MUL` says whether a vector multiplication of 64-bit words exists (else
/// loops do better by building it from 32-bit ones themselves).
pub trait Kernel {
    /// What the kernel returns.
    type Output;
    /// The loop.
    fn run<const WIDE_MUL: bool>(self) -> Self::Output;
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq")]
fn avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<true>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<false>()
}

// Elsewhere (NEON) a scalar 64-bit multiplication per element is as good as anything built from 32-bit lanes.
fn portable<K: Kernel>(kernel: K) -> K::Output {
    if cfg!(target_arch = "x86_64") {
        kernel.run::<false>()
    } else {
        kernel.run::<true>()
    }
}

/// Names of the instruction sets that kernels may use on this machine, best first.
#[pyfunction]
fn cpu_features() -> Vec<&'static str> {
    let mut found = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
            found.push("avx512");
        }
        if is_x86_feature_detected!("avx2") {
            found.push("avx2");
        }
        if is_x86_feature_detected!("aes") {
            found.push("aes");
        }
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
