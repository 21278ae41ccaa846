//! Size classes of small objects.
//!
//! Four classes for each doubling keep what rounding wastes below a fifth.

use super::layout::GRANULE;

/// Largest small object in bytes. Larger ones are allocated by themselves.
pub(super) const SMALL_MAX: u64 = (GRANULES[GRANULES.len() - 1] as usize * GRANULE) as u64;

/// Granules of an object of each class, ascending.
pub(super) const GRANULES: [u16; 28] = [
    1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160,
    192, 224, 256,
];

/// Number of classes.
pub(super) const CLASSES: usize = GRANULES.len();

/// Class of each number of granules.
static CLASS_OF: [u8; GRANULES[CLASSES - 1] as usize + 1] = {
    let mut classes = [0; GRANULES[CLASSES - 1] as usize + 1];
    let (mut granules, mut class) = (0, 0);
    while granules < classes.len() {
        if granules > GRANULES[class] as usize {
            class += 1;
        }
        classes[granules] = class as u8;
        granules += 1;
    }
    classes
};

/// The class of objects of so many bytes, at most [`SMALL_MAX`].
pub(super) fn class_of(bytes: u64) -> usize {
    CLASS_OF[(bytes as usize).div_ceil(GRANULE)].into()
}

/// Bytes of an object of a class.
pub(super) fn class_bytes(class: usize) -> usize {
    usize::from(GRANULES[class]) * GRANULE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_class_that_fits() {
        for bytes in 1..=SMALL_MAX {
            let class = class_of(bytes);
            assert!(bytes <= class_bytes(class) as u64, "{bytes}");
            assert!(
                class == 0 || bytes > class_bytes(class - 1) as u64,
                "{bytes}"
            );
        }
        assert_eq!((class_of(16), class_of(17), class_of(129)), (0, 1, 8));
        assert_eq!(SMALL_MAX, 4096);
    }
}
