//! What loops. Compiled code that is entered at a loop is other code than a function from its beginning, and which of two
//! takes a cycle less in a loop of a dozen instructions is chance; so there are several.

const TEMPLATE: &str = include_str!("hot.wat");

/// A loop over the locals `$x`, `$at`, `$f` and memory.
pub struct Guest {
    /// For reports.
    pub name: &'static str,
    body: &'static str,
}

impl Guest {
    /// The module in the text format.
    pub fn text(&self) -> String {
        TEMPLATE.replace(";; BODY", self.body)
    }
}

/// All of them.
pub const GUESTS: [Guest; 10] = [
    Guest {
        name: "random",
        body: "
        (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))
        (local.set $at (i32.and (i32.shr_u (local.get $x) (i32.const 14)) (i32.const 0xfffc)))
        (i32.store (local.get $at) (i32.xor (i32.load (local.get $at)) (local.get $x)))",
    },
    Guest {
        name: "sum",
        body: "
        (local.set $x (i32.add (local.get $x) (i32.load (local.get $at))))
        (i32.store (local.get $at) (local.get $i))
        (local.set $at (i32.and (i32.add (local.get $at) (i32.const 4)) (i32.const 0x3ffc)))",
    },
    Guest {
        name: "branch",
        body: "
        (if (i32.and (local.get $x) (i32.const 3))
          (then (local.set $x (i32.shr_u (local.get $x) (i32.const 1))))
          (else (local.set $x (i32.add (i32.mul (local.get $i) (i32.const 5)) (i32.const 1)))))",
    },
    Guest {
        name: "float",
        body: "
        (local.set $f (f64.add (f64.mul (local.get $f) (f64.const 0.5)) (f64.convert_i32_u (local.get $i))))
        (local.set $x (i32.xor (local.get $x) (i32.wrap_i64 (i64.reinterpret_f64 (local.get $f)))))",
    },
    Guest {
        name: "bytes",
        body: "
        (local.set $at (i32.and (i32.add (local.get $at) (i32.const 1)) (i32.const 0xfff)))
        (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.load8_u (local.get $at))) (i32.const 5)))
        (i32.store8 (local.get $at) (local.get $x))",
    },
    Guest {
        name: "hash",
        body: "
        (local.set $at (i32.and (i32.add (local.get $at) (i32.const 1)) (i32.const 0x1fff)))
        (local.set $x (i32.mul (i32.xor (local.get $x) (i32.load8_u (local.get $at))) (i32.const 16777619)))",
    },
    Guest {
        name: "shifts",
        body: "
        (local.set $x (i32.xor (local.tee $x (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 13))))
          (i32.shr_u (local.get $x) (i32.const 17))))
        (local.set $x (i32.add (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 5))) (local.get $i)))",
    },
    Guest {
        name: "select",
        body: "
        (local.set $at (i32.and (i32.add (local.get $at) (i32.const 8)) (i32.const 0x1ff8)))
        (i32.store (local.get $at) (i32.mul (local.get $i) (i32.const -1640531535)))
        (local.set $x (select (i32.load (local.get $at)) (local.get $x)
          (i32.gt_u (i32.load (local.get $at)) (i32.sub (local.get $x) (i32.const 1)))))",
    },
    Guest {
        name: "move",
        body: "
        (i64.store offset=0x4000 (local.get $at) (i64.load (local.get $at)))
        (i64.store (local.get $at) (i64.extend_i32_u (local.get $i)))
        (local.set $at (i32.and (i32.add (local.get $at) (i32.const 8)) (i32.const 0x3ff8)))
        (local.set $x (i32.add (local.get $x) (local.get $at)))",
    },
    Guest {
        name: "newton",
        body: "
        (local.set $f (f64.mul (f64.const 0.5) (f64.add (local.get $f)
          (f64.div (f64.convert_i32_u (i32.and (local.get $i) (i32.const 1023))) (local.get $f)))))
        (local.set $f (f64.add (local.get $f) (f64.const 1)))
        (local.set $x (i32.trunc_sat_f64_u (local.get $f)))",
    },
];
