//! Error codes of WASI, and the one place where host errors become them.
//!
//! A call ends in one of two unhappy ways: with a code that the guest sees
//! ([`Errno`]), or with an error that ends the run ([`Fault::Stop`]), as
//! `proc_exit` and an interrupt do.

use std::io;

use probity_engine::Error;
use rustix::io::Errno as Host;

macro_rules! errnos {
    ($($variant:ident $text:literal),* $(,)?) => {
        /// A WASI error code; the discriminant is the value that guests see
        /// (`errno` in preview 1's typenames.witx, the same in `wasi_unstable`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        #[allow(missing_docs, reason = "the names are POSIX's, the texts are below")]
        #[allow(dead_code, reason = "the table is whole, also where no call gives a code")]
        pub(crate) enum Errno { $($variant),* }

        impl Errno {
            /// What the code means, for messages.
            #[cfg(test)]
            pub(crate) const ALL: &[(Errno, &str)] = &[$((Errno::$variant, $text)),*];
        }
    };
}

errnos! {
    Success "success",
    TooBig "argument list too long",
    Acces "permission denied",
    Addrinuse "address in use",
    Addrnotavail "address not available",
    Afnosupport "address family not supported",
    Again "resource unavailable, or operation would block",
    Already "connection already in progress",
    Badf "bad file descriptor",
    Badmsg "bad message",
    Busy "device or resource busy",
    Canceled "operation canceled",
    Child "no child processes",
    Connaborted "connection aborted",
    Connrefused "connection refused",
    Connreset "connection reset",
    Deadlk "resource deadlock would occur",
    Destaddrreq "destination address required",
    Dom "mathematics argument out of domain of function",
    Dquot "disk quota exceeded",
    Exist "file exists",
    Fault "bad address",
    Fbig "file too large",
    Hostunreach "host is unreachable",
    Idrm "identifier removed",
    Ilseq "illegal byte sequence",
    Inprogress "operation in progress",
    Intr "interrupted function",
    Inval "invalid argument",
    Io "I/O error",
    Isconn "socket is connected",
    Isdir "is a directory",
    Loop "too many levels of symbolic links",
    Mfile "file descriptor value too large",
    Mlink "too many links",
    Msgsize "message too large",
    Multihop "multihop attempted",
    Nametoolong "filename too long",
    Netdown "network is down",
    Netreset "connection aborted by network",
    Netunreach "network unreachable",
    Nfile "too many files open in system",
    Nobufs "no buffer space available",
    Nodev "no such device",
    Noent "no such file or directory",
    Noexec "executable file format error",
    Nolck "no locks available",
    Nolink "link has been severed",
    Nomem "not enough space",
    Nomsg "no message of the desired type",
    Noprotoopt "protocol not available",
    Nospc "no space left on device",
    Nosys "function not supported",
    Notconn "the socket is not connected",
    Notdir "not a directory",
    Notempty "directory not empty",
    Notrecoverable "state not recoverable",
    Notsock "not a socket",
    Notsup "not supported",
    Notty "inappropriate I/O control operation",
    Nxio "no such device or address",
    Overflow "value too large to be stored in data type",
    Ownerdead "previous owner died",
    Perm "operation not permitted",
    Pipe "broken pipe",
    Proto "protocol error",
    Protonosupport "protocol not supported",
    Prototype "protocol wrong type for socket",
    Range "result too large",
    Rofs "read-only file system",
    Spipe "invalid seek",
    Srch "no such process",
    Stale "stale file handle",
    Timedout "connection timed out",
    Txtbsy "text file busy",
    Xdev "cross-device link",
    Notcapable "capabilities insufficient",
}

const _: () = assert!(Errno::Fault as u16 == 21 && Errno::Notcapable as u16 == 76);

/// Host codes and what the guest sees. Two host names may share a value
/// (`EAGAIN` and `EWOULDBLOCK`); the first row counts.
const HOST_CODES: &[(Host, Errno)] = &[
    (Host::NOENT, Errno::Noent),
    (Host::EXIST, Errno::Exist),
    (Host::ISDIR, Errno::Isdir),
    (Host::NOTDIR, Errno::Notdir),
    (Host::NOTEMPTY, Errno::Notempty),
    (Host::ACCESS, Errno::Acces),
    (Host::PERM, Errno::Perm),
    (Host::INVAL, Errno::Inval),
    (Host::BADF, Errno::Badf),
    (Host::AGAIN, Errno::Again),
    (Host::PIPE, Errno::Pipe),
    (Host::SPIPE, Errno::Spipe),
    (Host::LOOP, Errno::Loop),
    (Host::NAMETOOLONG, Errno::Nametoolong),
    (Host::NOSPC, Errno::Nospc),
    (Host::ROFS, Errno::Rofs),
    (Host::XDEV, Errno::Xdev),
    (Host::MFILE, Errno::Mfile),
    (Host::NFILE, Errno::Nfile),
    (Host::NOTSUP, Errno::Notsup),
    (Host::OPNOTSUPP, Errno::Notsup),
    (Host::TOOBIG, Errno::TooBig),
    (Host::ADDRINUSE, Errno::Addrinuse),
    (Host::ADDRNOTAVAIL, Errno::Addrnotavail),
    (Host::AFNOSUPPORT, Errno::Afnosupport),
    (Host::ALREADY, Errno::Already),
    (Host::BADMSG, Errno::Badmsg),
    (Host::BUSY, Errno::Busy),
    (Host::CANCELED, Errno::Canceled),
    (Host::CHILD, Errno::Child),
    (Host::CONNABORTED, Errno::Connaborted),
    (Host::CONNREFUSED, Errno::Connrefused),
    (Host::CONNRESET, Errno::Connreset),
    (Host::DEADLK, Errno::Deadlk),
    (Host::DESTADDRREQ, Errno::Destaddrreq),
    (Host::DOM, Errno::Dom),
    (Host::DQUOT, Errno::Dquot),
    (Host::FAULT, Errno::Fault),
    (Host::FBIG, Errno::Fbig),
    (Host::HOSTUNREACH, Errno::Hostunreach),
    (Host::IDRM, Errno::Idrm),
    (Host::ILSEQ, Errno::Ilseq),
    (Host::INPROGRESS, Errno::Inprogress),
    (Host::INTR, Errno::Intr),
    (Host::IO, Errno::Io),
    (Host::ISCONN, Errno::Isconn),
    (Host::MLINK, Errno::Mlink),
    (Host::MSGSIZE, Errno::Msgsize),
    (Host::MULTIHOP, Errno::Multihop),
    (Host::NETDOWN, Errno::Netdown),
    (Host::NETRESET, Errno::Netreset),
    (Host::NETUNREACH, Errno::Netunreach),
    (Host::NOBUFS, Errno::Nobufs),
    (Host::NODEV, Errno::Nodev),
    (Host::NOEXEC, Errno::Noexec),
    (Host::NOLCK, Errno::Nolck),
    (Host::NOLINK, Errno::Nolink),
    (Host::NOMEM, Errno::Nomem),
    (Host::NOMSG, Errno::Nomsg),
    (Host::NOPROTOOPT, Errno::Noprotoopt),
    (Host::NOSYS, Errno::Nosys),
    (Host::NOTCONN, Errno::Notconn),
    (Host::NOTRECOVERABLE, Errno::Notrecoverable),
    (Host::NOTSOCK, Errno::Notsock),
    (Host::NOTTY, Errno::Notty),
    (Host::NXIO, Errno::Nxio),
    (Host::OVERFLOW, Errno::Overflow),
    (Host::OWNERDEAD, Errno::Ownerdead),
    (Host::PROTO, Errno::Proto),
    (Host::PROTONOSUPPORT, Errno::Protonosupport),
    (Host::PROTOTYPE, Errno::Prototype),
    (Host::RANGE, Errno::Range),
    (Host::SRCH, Errno::Srch),
    (Host::STALE, Errno::Stale),
    (Host::TIMEDOUT, Errno::Timedout),
    (Host::TXTBSY, Errno::Txtbsy),
];

impl From<Host> for Errno {
    fn from(host: Host) -> Errno {
        let row = HOST_CODES.iter().find(|(code, _)| *code == host);
        row.map_or(Errno::Io, |(_, errno)| *errno)
    }
}

impl From<&io::Error> for Errno {
    fn from(error: &io::Error) -> Errno {
        if let Some(host) = Host::from_io_error(error) {
            return host.into();
        }
        match error.kind() {
            // Without a host code this is cap-std's refusal of a path that
            // leads out of the sandbox; other engines give the same code.
            io::ErrorKind::PermissionDenied => Errno::Perm,
            io::ErrorKind::NotFound => Errno::Noent,
            io::ErrorKind::AlreadyExists => Errno::Exist,
            io::ErrorKind::InvalidInput => Errno::Inval,
            io::ErrorKind::InvalidData => Errno::Ilseq,
            io::ErrorKind::BrokenPipe => Errno::Pipe,
            io::ErrorKind::WouldBlock => Errno::Again,
            io::ErrorKind::Interrupted => Errno::Intr,
            io::ErrorKind::Unsupported => Errno::Notsup,
            io::ErrorKind::OutOfMemory => Errno::Nomem,
            io::ErrorKind::TimedOut => Errno::Timedout,
            io::ErrorKind::StorageFull => Errno::Nospc,
            io::ErrorKind::FileTooLarge => Errno::Fbig,
            _ => Errno::Io,
        }
    }
}

/// Why a call did not succeed.
pub(crate) enum Fault {
    /// The guest sees this code and continues.
    Errno(Errno),
    /// The run ends with this error.
    Stop(Error),
}

impl From<Errno> for Fault {
    fn from(errno: Errno) -> Fault {
        Fault::Errno(errno)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Errno(Errno::from(&error))
    }
}

impl From<Host> for Fault {
    fn from(host: Host) -> Fault {
        Fault::Errno(host.into())
    }
}

/// Result of everything a call is made of.
pub(crate) type Result<T, E = Fault> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_the_specification() {
        let expect = [
            (Errno::Success, 0),
            (Errno::TooBig, 1),
            (Errno::Acces, 2),
            (Errno::Again, 6),
            (Errno::Badf, 8),
            (Errno::Exist, 20),
            (Errno::Fault, 21),
            (Errno::Ilseq, 25),
            (Errno::Inval, 28),
            (Errno::Io, 29),
            (Errno::Isdir, 31),
            (Errno::Loop, 32),
            (Errno::Nametoolong, 37),
            (Errno::Noent, 44),
            (Errno::Nospc, 51),
            (Errno::Notdir, 54),
            (Errno::Notempty, 55),
            (Errno::Notsock, 57),
            (Errno::Notsup, 58),
            (Errno::Perm, 63),
            (Errno::Pipe, 64),
            (Errno::Rofs, 69),
            (Errno::Spipe, 70),
            (Errno::Xdev, 75),
            (Errno::Notcapable, 76),
        ];
        for (errno, value) in expect {
            assert_eq!(errno as u16, value, "{errno:?}");
        }
        assert_eq!(Errno::ALL.len(), 77);
    }

    #[test]
    fn host_errors_map_by_code_and_then_by_kind() {
        let of = |e: io::Error| Errno::from(&e);
        assert_eq!(of(Host::NOENT.into()), Errno::Noent);
        assert_eq!(of(Host::ACCESS.into()), Errno::Acces);
        assert_eq!(of(Host::PIPE.into()), Errno::Pipe);
        assert_eq!(of(Host::OPNOTSUPP.into()), Errno::Notsup);
        assert_eq!(of(io::ErrorKind::PermissionDenied.into()), Errno::Perm);
        assert_eq!(of(io::ErrorKind::BrokenPipe.into()), Errno::Pipe);
        assert_eq!(of(io::Error::other("odd")), Errno::Io);
    }
}
