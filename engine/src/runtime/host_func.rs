//! Host functions.

use super::{Caller, WasmTy};

/// closures `Fn(Caller<'_, T>, A1, ..., An) -> R` where R is (), T, a tuple, or Result of these with Error
pub trait IntoFunc<T, P, R>: Send + Sync + 'static {}
impl<T, F: Fn(Caller<'_, T>) -> R + Send + Sync + 'static, R> IntoFunc<T, (Caller<'static, T>,), R>
    for F
{
}
macro_rules! stub_into { ($($a:ident)*) => { impl<T, F: Fn(Caller<'_, T>, $($a),*) -> R + Send + Sync + 'static, R, $($a: WasmTy),*> IntoFunc<T, (Caller<'static, T>, $($a),*), R> for F {} } }
stub_into!(A);
stub_into!(A B);
stub_into!(A B C);
stub_into!(A B C D);
stub_into!(A B C D E);
stub_into!(A B C D E G);
stub_into!(A B C D E G H);
stub_into!(A B C D E G H I);
stub_into!(A B C D E G H I J);
