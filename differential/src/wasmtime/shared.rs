//! Reads shared memories of Wasmtime. Its API shows their bytes to unsafe code alone, so a small
//! module copies them to a memory that is not shared.

use wasmtime::{AsContextMut, Error, Instance, Memory, Module, SharedMemory, TypedFunc};

use crate::host::MEMORY_BYTES_MAX;

/// Fuel of a copy, which is charged by its size.
const FUEL: u64 = 1 << 30;

/// Copies one shared memory.
pub struct Copier {
    source: SharedMemory,
    target: Memory,
    copy: TypedFunc<u32, ()>,
}

impl Copier {
    /// For this memory.
    ///
    /// # Errors
    /// The memory is not of a type that a module can import.
    pub fn new(store: &mut impl AsContextMut, source: SharedMemory) -> Result<Copier, Error> {
        let ty = source.ty();
        let address = if ty.is_64() { "i64" } else { "i32" };
        let text = format!(
            r#"(module
                (import "" "" (memory $source {address} {min} {max} shared {page}))
                (memory $target (export "target") {pages})
                (func (export "copy") (param i32)
                    (memory.copy $target $source
                        (i32.const 0) ({address}.const 0) (local.get 0))))"#,
            min = ty.minimum(),
            max = ty.maximum().unwrap_or(0),
            page = match ty.page_size_log2() {
                16 => String::new(),
                log2 => format!("(pagesize {})", 1u64 << log2),
            },
            pages = MEMORY_BYTES_MAX >> 16,
        );
        let wasm = wat::parse_str(text).map_err(|error| Error::msg(error.to_string()))?;
        let module = Module::new(store.as_context().engine(), wasm)?;
        let instance = Instance::new(&mut *store, &module, &[source.clone().into()])?;
        let target = instance.get_memory(&mut *store, "target");
        Ok(Copier {
            source,
            target: target.ok_or_else(|| Error::msg("no memory"))?,
            copy: instance.get_typed_func(&mut *store, "copy")?,
        })
    }

    /// All bytes; none if they cannot be copied.
    pub fn bytes(&self, store: &mut impl AsContextMut) -> Vec<u8> {
        let len = self.source.data_size();
        let mut copy = || -> Result<(), Error> {
            store.as_context_mut().set_fuel(FUEL)?;
            self.copy.call(&mut *store, u32::try_from(len)?)
        };
        match copy() {
            Ok(()) => self.target.data(&*store)[..len].to_vec(),
            Err(_) => Vec::new(),
        }
    }
}
