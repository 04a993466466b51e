//! What a device's driver can do at XDP, as the kernel says since 6.3.

use std::io;

use super::kernel::Kernel;
use super::wire::{Request, attributes, u16_at, u32_at};

/// `genlmsghdr`: command, version, two bytes of nothing.
const GENL_BYTES: usize = 4;
const GENL_ID_CTRL: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const NETDEV_CMD_DEV_GET: u8 = 1;
const NETDEV_A_DEV_IFINDEX: u16 = 1;
const NETDEV_A_DEV_XDP_FEATURES: u16 = 3;
const NLM_F_ACK: u16 = libc::NLM_F_ACK as u16;

/// Takes packets that are redirected to it (`NETDEV_XDP_ACT_NDO_XMIT`).
const TAKES_PACKETS: u32 = 1 << 2;

/// Whether packets that a program sends by this device leave. The driver may lack it, or at the moment somebody else's
/// part: a veth delivers nothing while its peer has neither an XDP program nor GRO. `None` if the kernel does not say.
pub fn takes_packets(device: u32) -> io::Result<Option<bool>> {
    let mut kernel = Kernel::open(libc::NETLINK_GENERIC)?;
    let mut family = None;
    let request = Request::new(GENL_ID_CTRL, NLM_F_ACK, &[CTRL_CMD_GETFAMILY, 1, 0, 0]);
    let asked = kernel.ask(request.with(CTRL_ATTR_FAMILY_NAME, b"netdev\0"), |message| {
        let mut found = attributes(message.body, GENL_BYTES).filter(|(kind, _)| *kind == CTRL_ATTR_FAMILY_ID);
        family = found.next().and_then(|(_, value)| u16_at(value, 0));
    });
    let Some(family) = family.filter(|_| asked.is_ok()) else {
        return Ok(None);
    };
    let mut takes = None;
    let request = Request::new(family, NLM_F_ACK, &[NETDEV_CMD_DEV_GET, 1, 0, 0]);
    kernel.ask(
        request.with(NETDEV_A_DEV_IFINDEX, &device.to_ne_bytes()),
        |message| {
            // 64 bits, of which the lower ones come first on the machines that we run on.
            let mut found =
                attributes(message.body, GENL_BYTES).filter(|(kind, _)| *kind == NETDEV_A_DEV_XDP_FEATURES);
            let features = found.next().and_then(|(_, value)| u32_at(value, 0));
            takes = features.map(|features| features & TAKES_PACKETS != 0);
        },
    )?;
    Ok(takes)
}
