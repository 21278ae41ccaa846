//! Numbers, texts and values as trace files have them; [`super::binary`] says what a file is made of.

use super::model::{Type, Value};

/// The longest text of a file in bytes; the names of some modules are longer, and cut.
pub(super) const TEXT_MAX: usize = 1 << 16;
/// The longest encoding of 64 bits.
const VARINT_MAX: usize = 10;

/// Appends a number, seven bits a byte, the lowest first.
pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a text with its length.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    let mut len = text.len().min(TEXT_MAX);
    while !text.is_char_boundary(len) {
        len -= 1;
    }
    put(out, len as u64);
    out.extend_from_slice(&text.as_bytes()[..len]);
}

/// Small numbers of either sign become small ones without.
fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Appends a value, as what it differs by from the last one in its place. `function` gives a function's number in the
/// file.
pub(super) fn put_value(
    out: &mut Vec<u8>,
    value: Value,
    last: &mut u64,
    function: impl FnOnce(u32) -> u32,
) {
    match value {
        Value::I32(value) => {
            let delta = value.wrapping_sub(*last as i32);
            put(out, zigzag(delta.into()));
            *last = value as u32 as u64;
        }
        Value::I64(value) => {
            put(out, zigzag(value.wrapping_sub(*last as i64)));
            *last = value as u64;
        }
        Value::F32(bits) => {
            put(out, (bits ^ *last as u32).swap_bytes().into());
            *last = bits.into();
        }
        Value::F64(bits) => {
            put(out, (bits ^ *last).swap_bytes());
            *last = bits;
        }
        Value::V128(bits) => out.extend_from_slice(&bits.to_le_bytes()),
        Value::Func(func) => put(out, func.map_or(0, |func| u64::from(function(func)) + 1)),
        Value::Ref(_, there) => put(out, there.into()),
        Value::I31(value) => put(out, zigzag(value.into()) + 2),
    }
}

/// Where bytes come from.
pub(super) trait Bytes {
    /// Why there are none, or wrong ones.
    type Error;

    /// The next one.
    fn byte(&mut self) -> Result<u8, Self::Error>;

    /// An error about the bytes read last.
    fn wrong(&self, message: String) -> Self::Error;

    /// A number of up to 64 bits.
    fn number(&mut self) -> Result<u64, Self::Error> {
        let mut number = 0;
        for at in 0..VARINT_MAX {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if at == VARINT_MAX - 1 && bits > 1 {
                break;
            }
            number |= bits << (7 * at);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(self.wrong("a number has more than 64 bits".to_owned()))
    }

    /// A number of up to 32 bits.
    fn number_u32(&mut self, what: &str) -> Result<u32, Self::Error> {
        let number = self.number()?;
        u32::try_from(number)
            .map_err(|_| self.wrong(format!("{what} {number} has more than 32 bits")))
    }

    /// A text.
    fn text(&mut self) -> Result<String, Self::Error> {
        let len = self.number()?;
        if len > TEXT_MAX as u64 {
            return Err(self.wrong(format!("a text of {len} bytes is too long")));
        }
        let bytes = (0..len).map(|_| self.byte());
        let bytes = bytes.collect::<Result<Vec<u8>, _>>()?;
        String::from_utf8(bytes).map_err(|_| self.wrong("a text is not UTF-8".to_owned()))
    }

    /// A value; `functions` are known.
    fn value(&mut self, ty: Type, last: &mut u64, functions: usize) -> Result<Value, Self::Error> {
        Ok(match ty {
            Type::I32 => {
                let delta = unzigzag(self.number_u32("a difference of i32")?.into());
                let value = (*last as i32).wrapping_add(delta as i32);
                *last = value as u32 as u64;
                Value::I32(value)
            }
            Type::I64 => {
                let value = (*last as i64).wrapping_add(unzigzag(self.number()?));
                *last = value as u64;
                Value::I64(value)
            }
            Type::F32 => {
                let bits = self.number_u32("a difference of f32")?.swap_bytes() ^ *last as u32;
                *last = bits.into();
                Value::F32(bits)
            }
            Type::F64 => {
                let bits = self.number()?.swap_bytes() ^ *last;
                *last = bits;
                Value::F64(bits)
            }
            Type::V128 => {
                let mut bytes = [0; 16];
                for byte in &mut bytes {
                    *byte = self.byte()?;
                }
                Value::V128(u128::from_le_bytes(bytes))
            }
            Type::Func => match self.number()? {
                0 => Value::Func(None),
                n if n <= functions as u64 => Value::Func(Some(n as u32 - 1)),
                n => return Err(self.wrong(format!("no function {} is known", n - 1))),
            },
            Type::Any | Type::Extern | Type::Exn => match self.number()? {
                n @ (0 | 1) => Value::Ref(ty, n == 1),
                n if ty == Type::Any && n <= u64::from(u32::MAX) => {
                    Value::I31(unzigzag(n - 2) as i32)
                }
                n => return Err(self.wrong(format!("{n} is no reference"))),
            },
            Type::Varies => {
                let code = self.byte()?;
                let ty = Type::of_code(code)
                    .ok_or_else(|| self.wrong(format!("{code:#04x} is no type of a value")))?;
                self.value(ty, &mut 0, functions)?
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Bytes for std::vec::IntoIter<u8> {
        type Error = String;

        fn byte(&mut self) -> Result<u8, String> {
            self.next().ok_or_else(|| "no more".to_owned())
        }

        fn wrong(&self, message: String) -> String {
            message
        }
    }

    #[test]
    fn values_are_read_as_written() {
        let values = [
            Value::I32(0),
            Value::I32(i32::MIN),
            Value::I32(i32::MAX),
            Value::I32(-1),
            Value::I64(i64::MIN),
            Value::I64(i64::MAX),
            Value::I64(-1),
            Value::F32(f32::NAN.to_bits() | 1),
            Value::F32(1.5f32.to_bits()),
            Value::F64(f64::MIN_POSITIVE.to_bits()),
            Value::F64(u64::MAX),
            Value::V128(u128::MAX - 7),
            Value::Func(None),
            Value::Func(Some(2)),
            Value::Ref(Type::Extern, true),
            Value::Ref(Type::Exn, false),
            Value::Ref(Type::Any, true),
            Value::I31(-1 << 30),
            Value::I31((1 << 30) - 1),
        ];
        let mut out = Vec::new();
        let mut last = 0;
        for value in values.iter().chain(values.iter().rev()) {
            put_value(&mut out, *value, &mut last, |function| function);
        }
        let mut bytes = out.into_iter();
        let mut last = 0;
        for value in values.iter().chain(values.iter().rev()) {
            assert_eq!(bytes.value(value.ty(), &mut last, 3), Ok(*value));
        }
        assert_eq!(bytes.next(), None);
    }

    /// By hand: 300 is 0b10_0101100.
    #[test]
    fn numbers() {
        let mut out = Vec::new();
        put(&mut out, 300);
        assert_eq!(out, [0xac, 0x02]);
        put(&mut out, u64::MAX);
        let mut bytes = out.into_iter();
        assert_eq!(bytes.number(), Ok(300));
        assert_eq!(bytes.number(), Ok(u64::MAX));
        let error = |bytes: Vec<u8>| bytes.into_iter().number().err();
        assert_eq!(
            error(vec![0xff; 10]).as_deref(),
            Some("a number has more than 64 bits")
        );
        assert_eq!(error(vec![0x80; 3]).as_deref(), Some("no more"));
        assert_eq!(
            [zigzag(0), zigzag(-1), zigzag(1), zigzag(i64::MIN)],
            [0, 1, 2, u64::MAX]
        );
    }
}
