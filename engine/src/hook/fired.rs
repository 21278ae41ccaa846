//! What fires work with, kept for the next one at the same site, which hardly differs: making it anew would take longer than
//! most probes do.

use std::sync::Arc;

use probity_interp::layout::Ctx;

use super::private::{Fire, SiteData};
use crate::frame::walk::Frame;
use crate::tier::frames::Cursor;

/// The frame that fires, and the probes of the site. These are parts of the fire's own, for probes may change the site.
pub(crate) struct Fired {
    pub(crate) frame: Frame,
    pub(crate) list: Arc<[Fire]>,
    /// Names the site, as long as it is there.
    site: *const SiteData,
}

impl Fired {
    pub(crate) fn new(site: &SiteData, frame: Frame) -> Box<Fired> {
        Box::new(Fired {
            frame,
            list: site.list.clone(),
            site,
        })
    }
}

/// Sites whose fires are remembered at most.
const RECENT: usize = 64;

/// The last fires of some sites. Emptied when code changes, so that all sites in it are there.
#[derive(Default)]
pub(crate) struct Recent(Vec<Option<Box<Fired>>>);

impl Recent {
    fn slot(site: *const SiteData) -> usize {
        // Sites are larger than that, and have places of their own.
        (site.addr() / 64) % RECENT
    }

    /// For a fire at a site whose frame differs from the last one's in no more than where it is. Compiled code must stand
    /// at the same place.
    pub(crate) fn take(
        &mut self,
        site: *const SiteData,
        (fp, ctx): (*mut u64, *mut Ctx),
        cursor: Option<Cursor>,
    ) -> Option<Box<Fired>> {
        let slot = self.0.get_mut(Recent::slot(site))?;
        let mut fired = slot.take_if(|fired| fired.site == site)?;
        let frame = &mut fired.frame;
        let same = match (&mut frame.native, cursor) {
            (None, None) => true,
            (Some(native), Some(cursor)) => native.move_to(cursor),
            _ => false,
        };
        if !same {
            return None;
        }
        frame.cursor = cursor;
        (frame.fp, frame.ctx) = (fp, ctx);
        Some(fired)
    }

    /// A fire has ended, and its site is as it was.
    pub(crate) fn put(&mut self, fired: Box<Fired>) {
        if self.0.is_empty() {
            self.0.resize_with(RECENT, || None);
        }
        let slot = Recent::slot(fired.site);
        self.0[slot] = Some(fired);
    }

    /// Sites change.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
