//! placeholder
use wasmparser::Operator;
pub(crate) struct LocalSet(Vec<bool>);
impl LocalSet {
    pub(crate) fn contains(&self, i: usize) -> bool {
        self.0[i]
    }
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().filter(|x| *x.1).map(|x| x.0)
    }
}
pub(crate) struct Analysis;
impl Analysis {
    pub(crate) fn new(_: &[(Operator<'_>, u32)], _: usize, _: &dyn Fn(u32) -> bool) -> Analysis {
        Analysis
    }
    pub(crate) fn live_after(&self, _: usize) -> Option<&LocalSet> {
        None
    }
    pub(crate) fn live_before(&self, _: usize) -> Option<&LocalSet> {
        None
    }
    pub(crate) fn needs_poll(&self, _: usize) -> bool {
        true
    }
}
