//! `Map`.
//!
//! Invariants:
//! * The lock is never held over a key's `__hash__` or `__eq__`, nor over a drop of a key or value. A key is looked for by its hash,
//!   then compared outside of the lock, then the lock is taken again: what was found counts if it is still there, and nothing was
//!   found if every key with that hash that is there now has been compared. So each operation happens at one instant (MP6).
//! * As in a dict, a key is found by identity, else by equality (PY11).

use crate::gc::visit_value;
use crate::guard;
use crate::map_table::{Entry, Hash, Number, Table};
use crate::value::Value;
use gochan_core::lock::{Lock, Rank};
use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyTuple};
use smallvec::SmallVec;
use std::sync::atomic::{AtomicU64, Ordering};

/// A dict that many may change at the same time, in steps that a dict does not have. Go's sync.Map.
#[pyclass(frozen, weakref, generic, module = "gochan")]
#[derive(Debug)]
pub struct Map {
    /// What may not happen under it: any Python, a drop of a key or value.
    table: Lock<Table>,
}

/// A second reference.
fn copy(value: &Value) -> Value {
    // SAFETY: attached, as every owner of a value; it is a live object.
    unsafe { Value::from_borrowed(value.as_ptr()) }
}

fn pair(py: Python<'_>, value: Option<Value>) -> PyResult<Bound<'_, PyTuple>> {
    let found = PyBool::new(py, value.is_some()).to_owned().into_any();
    let value = value.map_or_else(|| py.None().into_bound(py), |value| value.into_bound(py));
    PyTuple::new(py, [value, found])
}

impl Map {
    fn describe(slf: &Bound<'_, Self>) -> String {
        format!(
            "<gochan.Map at {:#x} len={}>",
            slf.as_ptr().addr(),
            slf.get().__len__()
        )
    }

    /// Finds `key`, and does with it what is to be done, under the lock and in one instant: `effect` gets the number of its stay, or
    /// `None` if it is not there. What it takes out it returns, to be dropped after the unlock.
    fn at<R>(
        &self,
        key: &Bound<'_, PyAny>,
        effect: impl FnOnce(&mut Table, Option<Number>, Hash) -> R,
    ) -> PyResult<R> {
        let hash = guard::hash(key)?;
        // In the order of their numbers: what comes later has a higher one.
        let mut compared: SmallVec<[(Number, bool); 4]> = SmallVec::new();
        loop {
            // All at once: with a lock for each of them a crowd of keys with one hash would be looked through for each of them.
            let mut unknown: SmallVec<[(Number, Value); 2]> = SmallVec::new();
            {
                let mut table = self.table.lock();
                let mut found = None;
                for (number, other) in table.with_hash(hash) {
                    let known = compared.binary_search_by_key(&number, |(seen, _)| *seen);
                    let known = known.ok().map(|at| compared[at].1);
                    if other.as_ptr() == key.as_ptr() || known == Some(true) {
                        found = Some(number);
                        break;
                    }
                    if known.is_none() {
                        unknown.push((number, copy(other)));
                    }
                }
                if found.is_some() || unknown.is_empty() {
                    let result = effect(&mut table, found, hash);
                    drop(table);
                    drop(unknown);
                    return Ok(result);
                }
            }
            for (number, other) in unknown {
                let equal = guard::equal(&other.into_bound(key.py()), key)?;
                compared.push((number, equal));
                if equal {
                    break;
                }
            }
        }
    }

    fn value_of(&self, key: &Bound<'_, PyAny>) -> PyResult<Option<(Number, Value)>> {
        self.at(key, |table, found, _| {
            let entry = table.get(found?)?;
            Some((found?, copy(&entry.value)))
        })
    }

    /// Does `effect` to the entry of `key` if its value equals `old`; says whether it does.
    fn if_equal<R>(
        &self,
        key: &Bound<'_, PyAny>,
        old: &Bound<'_, PyAny>,
        mut effect: impl FnMut(&mut Table, Number) -> R,
    ) -> PyResult<Option<R>> {
        loop {
            let Some((number, value)) = self.value_of(key)? else {
                return Ok(None);
            };
            let value = value.into_bound(key.py());
            if !value.is(old) && !guard::equal(&value, old)? {
                return Ok(None);
            }
            let mut table = self.table.lock();
            // It is held here, so the same address is the same object.
            let unchanged = table
                .get(number)
                .is_some_and(|entry| entry.value.as_ptr() == value.as_ptr());
            if unchanged {
                let result = effect(&mut table, number);
                drop(table);
                return Ok(Some(result));
            }
        }
    }
}

#[pymethods]
impl Map {
    #[new]
    fn new() -> Self {
        Self {
            table: Lock::new(Rank::Hold, Table::default()),
        }
    }

    /// `(value, True)`, or `(None, False)` if the key is not there.
    #[pyo3(signature = (key, /))]
    fn load<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
        let value = self.value_of(key)?.map(|(_, value)| value);
        pair(key.py(), value)
    }

    /// Sets the value of a key.
    #[pyo3(signature = (key, value, /))]
    fn store(&self, key: &Bound<'_, PyAny>, value: Bound<'_, PyAny>) -> PyResult<()> {
        self.set(key, value).map(drop)
    }

    /// `(value, True)` of a key that is there; else stores `value` and returns `(value, False)`.
    #[pyo3(signature = (key, value, /))]
    fn load_or_store<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        value: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let (new_key, new_value) = (Value::new(key.clone()), Value::new(value.clone()));
        let (actual, unused) = self.at(key, |table, found, hash| {
            if let Some(entry) = found.and_then(|number| table.get(number)) {
                return (Some(copy(&entry.value)), Some((new_key, new_value)));
            }
            table.insert(Entry {
                hash,
                key: new_key,
                value: new_value,
            });
            (None, None)
        })?;
        drop(unused);
        let py = key.py();
        let loaded = PyBool::new(py, actual.is_some()).to_owned().into_any();
        PyTuple::new(py, [actual.map_or(value, |actual| actual.into_bound(py)), loaded])
    }

    /// Deletes a key. `(value, True)`, or `(None, False)` if it was not there.
    #[pyo3(signature = (key, /))]
    fn load_and_delete<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
        let entry = self.at(key, |table, found, _| table.remove(found?))?;
        pair(key.py(), entry.map(|entry| entry.value))
    }

    /// Sets the value of a key. `(old value, True)`, or `(None, False)` if the key is new.
    #[pyo3(signature = (key, value, /))]
    fn swap<'py>(&self, key: &Bound<'py, PyAny>, value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
        let old = self.set(key, value)?;
        pair(key.py(), old)
    }

    /// Sets the value of a key to `new` if it is `old`, or equals it; says whether it did. False if the key is not there.
    #[pyo3(signature = (key, old, new, /))]
    fn compare_and_swap(
        &self,
        key: &Bound<'_, PyAny>,
        old: &Bound<'_, PyAny>,
        new: Bound<'_, PyAny>,
    ) -> PyResult<bool> {
        let mut new = Some(Value::new(new));
        let swapped = self.if_equal(key, old, |table, number| {
            let entry = table.get_mut(number)?;
            Some(std::mem::replace(&mut entry.value, new.take()?))
        })?;
        Ok(swapped.is_some())
    }

    /// Deletes a key if its value is `old`, or equals it; says whether it did. False if the key is not there.
    #[pyo3(signature = (key, old, /))]
    fn compare_and_delete(&self, key: &Bound<'_, PyAny>, old: &Bound<'_, PyAny>) -> PyResult<bool> {
        let deleted = self.if_equal(key, old, Table::remove)?;
        Ok(deleted.is_some())
    }

    /// Deletes a key, if it is there.
    #[pyo3(signature = (key, /))]
    fn delete(&self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        let entry = self.at(key, |table, found, _| table.remove(found?))?;
        drop(entry);
        Ok(())
    }

    /// The pairs that are there. It holds nobody up and is no snapshot: it shows each key at most once, with the value that
    /// it has when its turn comes; of keys that come or go meanwhile it may show some.
    fn range(slf: Bound<'_, Self>) -> MapIter {
        let end = slf.get().table.lock().next();
        MapIter {
            map: slf.unbind(),
            from: AtomicU64::new(0),
            end,
        }
    }

    /// Deletes all keys.
    fn clear(&self) {
        let all = self.table.lock().take_all();
        drop(all);
    }

    fn __len__(&self) -> usize {
        self.table.lock().len()
    }

    #[allow(clippy::unused_self)]
    fn __bool__(&self) -> bool {
        true
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        Self::describe(slf)
    }

    #[allow(clippy::unused_self)]
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "cannot copy or pickle a Map: it is one place that many share; make a dict of it with dict(map.range())",
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Some(table) = self.table.try_lock() else {
            return Ok(());
        };
        for entry in table.iter() {
            visit_value(visit, &entry.key)?;
            visit_value(visit, &entry.value)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        self.clear();
    }
}

impl Map {
    /// Sets a value; the old one, if the key was there.
    fn set(&self, key: &Bound<'_, PyAny>, value: Bound<'_, PyAny>) -> PyResult<Option<Value>> {
        let (new_key, value) = (Value::new(key.clone()), Value::new(value));
        let (old, unused) = self.at(key, |table, found, hash| {
            if let Some(entry) = found.and_then(|number| table.get_mut(number)) {
                return (Some(std::mem::replace(&mut entry.value, value)), Some(new_key));
            }
            table.insert(Entry {
                hash,
                key: new_key,
                value,
            });
            (None, None)
        })?;
        drop(unused);
        Ok(old)
    }
}

/// What `Map.range()` returns.
#[pyclass(frozen, module = "gochan", name = "_MapIter")]
#[derive(Debug)]
pub struct MapIter {
    map: Py<Map>,
    /// Where it goes on. Written under the lock of the table.
    from: AtomicU64,
    /// The first number that did not exist when it began.
    end: Number,
}

#[pymethods]
impl MapIter {
    fn __iter__<'py>(slf: Bound<'py, Self>) -> Bound<'py, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let next = {
            let table = self.map.get().table.lock();
            let next = table.first_from(self.from.load(Ordering::Relaxed));
            let next = next.filter(|(number, _)| *number < self.end);
            let number = next.map_or(self.end, |(number, _)| number + 1);
            self.from.store(number, Ordering::Relaxed);
            next.map(|(_, entry)| [copy(&entry.key), copy(&entry.value)])
        };
        next.map(|both| PyTuple::new(py, both.map(|value| value.into_bound(py))))
            .transpose()
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let has_more = {
            let table = self.map.get().table.lock();
            let next = table.first_from(self.from.load(Ordering::Relaxed));
            next.is_some_and(|(number, _)| number < self.end)
        };
        let where_it_is = if has_more { "under way" } else { "at its end" };
        format!("<range {where_it_is} over {}>", Map::describe(self.map.bind(py)))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.map)
    }
}
