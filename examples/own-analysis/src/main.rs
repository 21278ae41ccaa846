//! `own-analysis MODULE EXPORT [NUMBER]...`: calls an export with numbers (`i32`), and says how deep functions were nested.

use std::error::Error;

use own_analysis::NESTING;
use probity_analyses::{Session, report};
use probity_engine::{Config, Engine, Linker, Module, Store, Tier, Val};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(export)) = (arguments.next(), arguments.next()) else {
        return Err("usage: own-analysis MODULE EXPORT [NUMBER]...".into());
    };
    let numbers = arguments.map(|number| Ok(Val::I32(number.parse()?)));
    let numbers = numbers.collect::<Result<Vec<Val>, std::num::ParseIntError>>()?;

    let engine = Engine::new(Config::new().tier(Tier::Auto));
    let module = Module::from_file(&engine, path)?;
    let mut store = Store::new(&engine, ());
    let mut session = Session::new();
    session.add_own(&NESTING, &[])?;
    session.attach(&mut store, &module)?;
    let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    let func = instance.get_func(&store, &export).ok_or("no such export")?;
    let mut results = vec![Val::I32(0); func.ty(&store).results().len()];
    let outcome = func.call(&mut store, &numbers, &mut results);

    // Also what was found before a trap.
    let reports = session.finish(&mut store);
    report::write_analyses(&reports, report::Format::Text, &mut std::io::stdout())?;
    outcome?;
    println!("{results:?}");
    Ok(())
}
