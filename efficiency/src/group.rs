//! A process with all that it has started, which is gone when it is over.

use std::process::{Child, ExitStatus};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// The leader of a process group of its own (`process_group(0)`), and its group; killed when dropped.
#[derive(Debug)]
pub(crate) struct Group {
    /// The leader.
    pub child: Child,
}

impl Group {
    /// Whether the leader has ended. It is not reaped, so that its number stays its own until the group is killed.
    pub fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match self.pid() {
            Some(pid) => !matches!(waitid(WaitId::Pid(pid), options), Ok(None)),
            None => true,
        }
    }

    /// Kills all of it; how the leader has ended.
    pub fn kill(&mut self) -> Option<ExitStatus> {
        if let Some(pid) = self.pid() {
            // It fails if all have ended.
            let _ = kill_process_group(pid, Signal::KILL);
        }
        self.child.wait().ok()
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.child.id()).ok()?)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.kill();
        }
    }
}
