//! What a function is compiled to, as text.

use std::fmt::Write;

use super::native_tools::disassemble::disassemble;
use crate::explain::Explain;
use crate::module::Module;
use crate::tier::code::{FP_SLOT, NativeCode, SiteKind, ValuePlace, Variant};

/// See [`Module::explain`].
pub(crate) fn explain(module: &Module, func: u32, what: Explain) -> Result<String, String> {
    let compiler = module.inner.engine.compiler();
    let compiler = compiler.ok_or("the engine's settings ask for no compiler")?;
    if what == Explain::Clif {
        return compiler.clif(module, func).map_err(|e| e.0);
    }
    let code = compiler
        .function(module, func, &Variant::default())
        .map_err(|e| e.0)?;
    Ok(match what {
        Explain::Sites => sites(&code),
        _ => {
            // SAFETY: the code's own memory, which is never written again.
            let bytes = unsafe { std::slice::from_raw_parts(code.base, code.len) };
            disassemble(bytes, 0, &code.lines)
        }
    })
}

/// One line for each site, and one for each value below it.
fn sites(code: &NativeCode) -> String {
    let mut text = String::new();
    for site in &code.sites {
        let _ = match site.kind {
            SiteKind::Call {
                direct: Some(func),
                base,
                ..
            } => writeln!(
                text,
                "+{:#x} pc {:#x}: call of function {func}, its frame at slot {base}",
                site.ret, site.pc
            ),
            SiteKind::Call { base, .. } => {
                writeln!(
                    text,
                    "+{:#x} pc {:#x}: indirect call, its frame at slot {base}",
                    site.ret, site.pc
                )
            }
            SiteKind::Slow { .. } => writeln!(
                text,
                "+{:#x} pc {:#x}: instruction of the engine",
                site.ret, site.pc
            ),
            SiteKind::Poll => writeln!(text, "+{:#x} pc {:#x}: poll", site.ret, site.pc),
            SiteKind::Throw { .. } => writeln!(text, "+{:#x} pc {:#x}: throw", site.ret, site.pc),
            SiteKind::Probe { .. } => {
                writeln!(text, "+{:#x} pc {:#x}: probes", site.ret, site.pc)
            }
        };
        for value in code.values_of(site) {
            let name = match value.slot {
                FP_SLOT => "frame".to_owned(),
                slot => format!("slot {slot}"),
            };
            let _ = match value.place {
                ValuePlace::Slot => writeln!(text, "    {name}: there {:?}", value.width),
                ValuePlace::Stack(at) => {
                    writeln!(text, "    {name}: [sp+{at:#x}] {:?}", value.width)
                }
                ValuePlace::Register(register) => {
                    writeln!(text, "    {name}: r{register} {:?}", value.width)
                }
                ValuePlace::Constant(at) => {
                    writeln!(text, "    {name}: {:#x}", code.constants[at as usize])
                }
            };
        }
    }
    text
}
