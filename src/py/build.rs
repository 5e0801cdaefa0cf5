//! Gives this crate PyO3's `cfg(Py_3_12)`, `cfg(Py_GIL_DISABLED)` and the like.
fn main() {
    pyo3_build_config::use_pyo3_cfgs();
}
