//! Bare C functions in front of PyO3's.
//!
//! What is called millions of times gets a function that does the one thing that completes at once, and leaves all else (waiting,
//! errors, keywords) to the one it stands in front of. That saves PyO3's argument parser and its trampoline: send+recv
//! takes 46 ns through these and 116 ns through the methods behind (CPython 3.11, loop included).

use crate::kept::Kept;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};
use smallvec::SmallVec;
use std::ffi::CStr;
use std::ptr::null_mut;

pub type Fast = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    ffi::Py_ssize_t,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

/// A definition of `function`, with the signature and the documentation of the one behind it.
pub fn definition(
    name: &'static CStr,
    function: Fast,
    behind: &Bound<'_, PyAny>,
) -> PyResult<&'static mut ffi::PyMethodDef> {
    let signature: String = behind.getattr("__text_signature__")?.extract()?;
    let doc: String = behind.getattr("__doc__")?.extract()?;
    let doc = format!("{}{signature}\n--\n\n{doc}", name.to_string_lossy());
    // Both live as long as the class or module, which is as long as the process.
    Ok(Box::leak(Box::new(ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer {
            PyCFunctionFastWithKeywords: function,
        },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: Box::leak(std::ffi::CString::new(doc)?.into_boxed_c_str()).as_ptr(),
    })))
}

/// Makes `function` the class's own method `name`, in front of the one that it has, which `behind` keeps for it.
pub fn method(
    class: &Bound<'_, PyType>,
    name: &'static CStr,
    function: Fast,
    behind: &Kept<Py<PyAny>>,
) -> PyResult<()> {
    let py = class.py();
    let attribute = PyString::new(py, &name.to_string_lossy());
    let behind = behind.get_or_try_init(py, || class.getattr(&attribute).map(Bound::unbind))?;
    let definition = definition(name, function, behind.bind(py))?;
    // SAFETY: attached, a live class, a definition that is never freed; a new reference or null.
    let method =
        unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyDescr_NewMethod(class.as_type_ptr(), definition))? };
    class.setattr(attribute, method)
}

/// A function of the module, in front of `behind`, which `place` keeps for it.
pub fn function<'py>(
    name: &'static CStr,
    function: Fast,
    behind: Bound<'py, PyAny>,
    place: &Kept<Py<PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = behind.py();
    let definition = definition(name, function, &behind)?;
    place.get_or_init(py, || behind.unbind());
    let module = PyString::new(py, "gochan");
    // SAFETY: attached; a definition that is never freed. A new reference or null with an error.
    unsafe {
        Bound::from_owned_ptr_or_err(
            py,
            ffi::PyCFunction_NewEx(definition, null_mut(), module.as_ptr()),
        )
    }
}

/// Defines a function in front. `attempt`, an `unsafe fn`, is given what it is called on (null for a function of the module) and the
/// arguments, borrowed, and gives a new reference, or null with an error; `None` is for the one behind, and so are keywords.
macro_rules! front {
    ($name:ident, $behind:ident, $attempt:ident) => {
        unsafe extern "C" fn $name(
            object: *mut ffi::PyObject,
            arguments: *const *mut ffi::PyObject,
            count: ffi::Py_ssize_t,
            names: *mut ffi::PyObject,
        ) -> *mut ffi::PyObject {
            // SAFETY: called by the interpreter, as the method of a class, which its descriptor has checked, or as a function of the
            // module: so attached, and with live arguments.
            unsafe {
                if names.is_null() {
                    let given = $crate::front::borrowed(Python::assume_attached(), arguments, count);
                    if let Some(result) = $attempt(object, given) {
                        return result;
                    }
                }
                $crate::front::fall_back(&$behind, object, arguments, count, names)
            }
        }
    };
}
pub(crate) use front;

/// The arguments of a fast call, borrowed.
///
/// # Safety
/// Called with `count` live objects, for no longer than the call. Attached.
#[inline]
pub unsafe fn borrowed<'a, 'py>(
    _py: Python<'py>,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
) -> &'a [Bound<'py, PyAny>] {
    if count == 0 {
        return &[];
    }
    // SAFETY: a `Bound` is one pointer, never null; nobody drops these, because they are only lent. The caller's promise for
    // the rest.
    unsafe { std::slice::from_raw_parts(arguments.cast::<Bound<'py, PyAny>>(), count.unsigned_abs()) }
}

/// Calls the one behind with the same arguments; `object` first, if it is a method.
///
/// # Safety
/// Attached, and called with the arguments of a fast call: `count` positional ones, then one for each
/// of `names`, all live. `object` is live or null.
#[cold]
pub unsafe fn fall_back(
    behind: &Kept<Py<PyAny>>,
    object: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the caller's promise. What is behind is set before anybody can call what is in front.
    unsafe {
        let Some(behind) = behind.get(Python::assume_attached()) else {
            ffi::PyErr_BadInternalCall();
            return null_mut();
        };
        let count = count.unsigned_abs();
        let keywords = if names.is_null() {
            0
        } else {
            ffi::PyTuple_GET_SIZE(names).unsigned_abs()
        };
        let mut all: SmallVec<[*mut ffi::PyObject; 4]> = SmallVec::new();
        if !object.is_null() {
            all.push(object);
        }
        let positional = all.len() + count;
        all.extend((0..count + keywords).map(|at| *arguments.add(at)));
        ffi::PyObject_Vectorcall(behind.as_ptr(), all.as_ptr(), positional, names)
    }
}
