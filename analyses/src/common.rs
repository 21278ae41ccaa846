//! What analyses of a session have in common, so that it is done once for all of them.

use std::any::{Any, TypeId};
use std::collections::HashMap;

/// One value of each type that any analysis asks for.
#[derive(Default)]
pub struct Common(HashMap<TypeId, Box<dyn Any + Send>>);

impl Common {
    /// The value of a type; the first who asks for it makes it.
    ///
    /// ```
    /// use probity_analyses::analysis::Common;
    ///
    /// let mut common = Common::default();
    /// *common.of::<u32>() += 1;
    /// *common.of::<u32>() += 1;
    /// assert_eq!((*common.of::<u32>(), *common.of::<u64>()), (2, 0));
    /// ```
    pub fn of<T: Any + Default + Send>(&mut self) -> &mut T {
        let value = self.0.entry(TypeId::of::<T>());
        let value = value.or_insert_with(|| Box::new(T::default()));
        // Values are by their own types.
        value.downcast_mut().expect("a value of this type")
    }
}
