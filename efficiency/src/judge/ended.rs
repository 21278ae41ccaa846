//! How a run of the engine ended, as the judge says it.

use probity_engine::{Error, ErrorKind, TrapCode};
use probity_wasi::{Exit, OutputLimit};

use crate::Status;

/// How a program ended: `Ok` if by itself, with code 0.
pub(super) struct Ended {
    pub status: Status,
    pub message: Option<String>,
}

impl Ended {
    /// By itself, well.
    pub fn well() -> Ended {
        Ended {
            status: Status::Ok,
            message: None,
        }
    }

    pub fn by(status: Status, message: impl Into<String>) -> Ended {
        Ended {
            status,
            message: Some(message.into()),
        }
    }

    /// With an error.
    pub fn of_error(error: &Error) -> Ended {
        if let Some(Exit(code)) = error.downcast_ref::<Exit>() {
            return match code {
                0 => Ended::well(),
                _ => Ended::by(Status::Exit, format!("exit code {code}")),
            };
        }
        if let Some(limit) = error.downcast_ref::<OutputLimit>() {
            return Ended::by(Status::Output, format!("wrote more than {} bytes", limit.0));
        }
        if let Some(trap) = error.trap() {
            let status = match trap.code() {
                TrapCode::OutOfFuel => Status::Fuel,
                TrapCode::MemoryLimit | TrapCode::TableLimit | TrapCode::HeapLimit => {
                    Status::Memory
                }
                TrapCode::StackOverflow => Status::Stack,
                TrapCode::Timeout | TrapCode::Interrupted => Status::Wall,
                _ => Status::Trap,
            };
            let mut message = trap.message();
            let place = error.backtrace().iter().find_map(|frame| frame.func_name());
            if let (Status::Trap, Some(place)) = (status, place) {
                message = format!("{message} in {place}");
            }
            return Ended::by(status, message);
        }
        let status = match error.kind() {
            ErrorKind::Exception(_) => Status::Trap,
            ErrorKind::Link(_) => Status::Unsupported,
            // A function that is not valid is found when it is first called.
            ErrorKind::Load(_) => Status::CompileError,
            _ => Status::Internal,
        };
        Ended::by(status, error.to_string())
    }
}
