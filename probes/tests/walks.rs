//! Random walks through random functions, as an engine would take them: what
//! the counted blocks, the stops and the landings of exceptions say gives back
//! how often every block ran. No engine takes part.

mod generated;

use probity_engine::WasmPc;
use probity_engine::wasmparser::{Catch, Operator, Parser, Payload};
use probity_probes::cfg::Cfg;
use probity_probes::flow::Flow;
use probity_probes::wanted::Wanted;

use generated::{Random, Words, body};

/// An opened label.
struct Label {
    opener: usize,
    end: usize,
    is_loop: bool,
    /// Labels that catch, counted from outside.
    catches: Vec<u32>,
}

/// What one walk saw, by operator.
#[derive(Default)]
struct Seen {
    reached: Vec<u64>,
    /// (first operator not executed, its block)
    stops: Vec<(usize, usize)>,
    landings: Vec<usize>,
}

/// Where each label that an operator opens ends, and each `if`'s `else`.
fn matching(operators: &[(WasmPc, Operator<'_>)]) -> (Vec<usize>, Vec<Option<usize>>) {
    let (mut ends, mut elses) = (vec![0; operators.len()], vec![None; operators.len()]);
    let mut open = Vec::new();
    for (at, (_, op)) in operators.iter().enumerate() {
        match op {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. } => open.push(at),
            Operator::Else => elses[*open.last().expect("valid")] = Some(at),
            Operator::End => {
                if let Some(opener) = open.pop() {
                    ends[opener] = at;
                }
            }
            _ => {}
        }
    }
    (ends, elses)
}

/// One activation, of at most 200 operators: then a limit ends it.
fn walk(random: &mut Random, operators: &[(WasmPc, Operator<'_>)], cfg: &Cfg, seen: &mut Seen) {
    let (ends, elses) = matching(operators);
    let last = operators.len() - 1;
    let mut labels = vec![Label {
        opener: 0,
        end: last,
        is_loop: false,
        catches: Vec::new(),
    }];
    let stop = |seen: &mut Seen, at: usize, behind: usize| {
        seen.stops.push((behind, cfg.block_of(at)));
    };
    // A branch leaves its label on the stack: the `end` or `loop` it lands on
    // closes or opens it.
    let branch = |labels: &mut Vec<Label>, depth: u32| {
        labels.truncate(labels.len() - depth as usize);
        let label = labels.last().expect("valid");
        match label.is_loop {
            true => {
                let opener = label.opener;
                labels.pop();
                opener
            }
            false => label.end,
        }
    };
    let mut at = 0;
    for left in (0..200).rev() {
        if left == 0 {
            return stop(seen, at, at);
        }
        seen.reached[at] += 1;
        let op = &operators[at].1;
        let mut thrown = matches!(op, Operator::Throw { .. });
        if matches!(op, Operator::Call { .. }) && random.below(3) == 0 {
            if random.below(8) == 0 {
                return stop(seen, at, at + 1); // a trap inside
            }
            thrown = true;
        }
        if thrown {
            stop(seen, at, at + 1);
            let caught = labels.iter().rposition(|label| !label.catches.is_empty());
            let Some(index) = caught.filter(|_| random.below(5) > 0) else {
                return;
            };
            let catches = &labels[index].catches;
            let label = catches[random.below(catches.len() as u32) as usize];
            labels.truncate(index);
            at = branch(&mut labels, label);
            seen.landings.push(at);
            continue;
        }
        let push = |labels: &mut Vec<Label>, catches: Vec<u32>| {
            labels.push(Label {
                opener: at,
                end: ends[at],
                is_loop: matches!(op, Operator::Loop { .. }),
                catches,
            });
        };
        let mut next = at + 1;
        match op {
            Operator::Block { .. } | Operator::Loop { .. } => push(&mut labels, Vec::new()),
            Operator::If { .. } => {
                push(&mut labels, Vec::new());
                if random.below(2) == 0 {
                    next = elses[at].map_or(ends[at], |at| at + 1);
                }
            }
            Operator::TryTable { try_table } => {
                let label = |catch: &Catch| match *catch {
                    Catch::One { label, .. }
                    | Catch::OneRef { label, .. }
                    | Catch::All { label }
                    | Catch::AllRef { label } => label,
                };
                push(&mut labels, try_table.catches.iter().map(label).collect());
            }
            Operator::Else => next = labels.last().expect("valid").end,
            Operator::End if at == last => return,
            Operator::End => {
                labels.pop();
            }
            Operator::Br { relative_depth } => next = branch(&mut labels, *relative_depth),
            Operator::BrIf { relative_depth } | Operator::BrOnNull { relative_depth }
                if random.below(2) == 0 =>
            {
                next = branch(&mut labels, *relative_depth);
            }
            Operator::BrTable { targets } => {
                let depth = match random.below(2) {
                    0 => targets.default(),
                    _ => targets.targets().flatten().next().expect("valid"),
                };
                next = branch(&mut labels, depth);
            }
            Operator::Return | Operator::ReturnCall { .. } => return,
            Operator::Unreachable => return stop(seen, at, at + 1),
            _ => {}
        }
        at = next;
    }
}

#[test]
fn counts_follow() {
    let (mut blocks, mut counters, mut fewer, mut landings) = (0, 0, 0, 0);
    for seed in 0..1500 {
        let mut random = Random(seed);
        let mut text = String::from("(module (tag) (func ");
        let words = Words {
            number: "i32.const 0",
            reference: "ref.null func",
        };
        body(&mut random, &mut text, words, 1, 4);
        text.push_str("))");
        let wasm = wat::parse_str(&text).expect("assembles");
        let code = Parser::new(0).parse_all(&wasm).find_map(|payload| {
            match payload.expect("well-formed") {
                Payload::CodeSectionEntry(code) => Some(code),
                _ => None,
            }
        });
        let reader = code.expect("a function").get_operators_reader();
        let operators = reader.expect("well-formed").into_iter_with_offsets();
        let operators: Vec<(WasmPc, Operator<'_>)> = operators
            .map(|item| item.expect("well-formed"))
            .map(|(op, offset)| (WasmPc(offset as u32), op))
            .collect();
        let cfg = Cfg::new(&operators);
        let flow = Flow::minimal(&cfg, &Wanted::all());

        // Each block with an even chance, and the entry.
        let mut some = Wanted::nothing();
        let chosen: Vec<bool> = (0..=cfg.blocks().len())
            .map(|_| random.below(2) == 0)
            .collect();
        for (at, _) in chosen.iter().enumerate().filter(|&(_, &chosen)| chosen) {
            match at < cfg.blocks().len() {
                true => some.add_block(at),
                false => some.add_entry(),
            }
        }
        let partial = Flow::minimal(&cfg, &some);

        const CALLS: u64 = 20;
        let mut seen = Seen {
            reached: vec![0; operators.len()],
            ..Seen::default()
        };
        for _ in 0..CALLS {
            walk(&mut random, &operators, &cfg, &mut seen);
        }
        let starts = cfg.blocks().iter().map(|block| block.start as usize);
        let mut entered: Vec<u64> = starts.map(|start| seen.reached[start]).collect();
        let mut stopped = vec![0; entered.len() + 1];
        for &(behind, block) in &seen.stops {
            stopped[block] += 1;
            // At the edge of a block: on the way into it.
            entered[block] += u64::from(behind == cfg.blocks()[block].start as usize);
        }
        let mut caught = vec![0; entered.len() + 1];
        for &at in &seen.landings {
            let block = cfg.block_of(at);
            assert_eq!(cfg.blocks()[block].start as usize, at, "{text}");
            caught[block] += 1;
        }
        entered.push(CALLS);
        let known = |flow: &Flow| -> Vec<u64> {
            let known = (0..entered.len()).map(|at| {
                let counted = match at < cfg.blocks().len() {
                    true => flow.counts_block(at),
                    false => flow.counts_entry(),
                };
                if counted { entered[at] } else { u64::MAX }
            });
            known.collect()
        };
        let (known, known_of_some) = (known(&flow), known(&partial));
        assert_eq!(flow.solve(&known, &stopped, &caught), entered, "{text}");
        let solved = partial.solve(&known_of_some, &stopped, &caught);
        for at in (0..entered.len()).filter(|&at| chosen[at]) {
            assert_eq!(solved[at], entered[at], "block {at}: {text}");
        }
        let number = |known: &[u64]| known.iter().filter(|&&n| n != u64::MAX).count();
        assert!(number(&known_of_some) <= number(&known), "{text}");
        for (block, &entered) in cfg.blocks().iter().zip(&entered) {
            assert!(block.reachable || entered == 0, "{text}");
        }
        blocks += cfg.blocks().len();
        counters += number(&known);
        fewer += number(&known_of_some);
        landings += seen.landings.len();
    }
    assert!(landings > 1_500, "{landings} landings");
    assert!(counters * 3 < blocks * 2, "{counters} of {blocks} blocks");
    assert!(fewer < counters, "{fewer} of {counters} counters");
}
