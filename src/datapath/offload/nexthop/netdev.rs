//! What devices' drivers can do at XDP, as the kernel says since 6.3 (the generic netlink family `netdev`).

use std::collections::BTreeMap;
use std::io;

use super::kernel::Kernel;
use super::wire::{Message, Request, attribute, attributes, text, u16_at, u32_at};

/// `genlmsghdr`: command, version, two bytes of nothing.
const GENL_BYTES: usize = 4;
const GENL_ID_CTRL: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const CTRL_ATTR_MCAST_GROUPS: u16 = 7;
const CTRL_ATTR_MCAST_GRP_NAME: u16 = 1;
const CTRL_ATTR_MCAST_GRP_ID: u16 = 2;
const NETDEV_CMD_DEV_GET: u8 = 1;
const NETDEV_A_DEV_IFINDEX: u16 = 1;
const NETDEV_A_DEV_XDP_FEATURES: u16 = 3;

/// Takes packets that are redirected to it (`NETDEV_XDP_ACT_NDO_XMIT`).
const TAKES_PACKETS: u32 = 1 << 2;

/// The family, as this kernel numbers it.
pub(super) struct Netdev {
    kernel: Kernel,
    family: u16,
    /// The group that is told when devices or what they can do change.
    pub(super) group: Option<u32>,
}

/// Which devices deliver what a program at XDP sends by them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Takers(BTreeMap<u32, bool>);

impl Netdev {
    /// `None` if the kernel has no such family.
    pub(super) fn open() -> io::Result<Option<Self>> {
        let mut kernel = Kernel::open(libc::NETLINK_GENERIC)?;
        let request = Request::new(
            GENL_ID_CTRL,
            libc::NLM_F_ACK as u16,
            &[CTRL_CMD_GETFAMILY, 1, 0, 0],
        );
        let mut found = None;
        let asked = kernel.ask(request.with(CTRL_ATTR_FAMILY_NAME, b"netdev\0"), |message| {
            let family = attribute(message.body, GENL_BYTES, CTRL_ATTR_FAMILY_ID);
            let groups = attribute(message.body, GENL_BYTES, CTRL_ATTR_MCAST_GROUPS).unwrap_or_default();
            found = family.and_then(|id| u16_at(id, 0)).map(|id| (id, group(groups)));
        });
        match asked {
            Err(error) if error.raw_os_error() != Some(libc::ENOENT) => Err(error),
            _ => Ok(found.map(|(family, group)| Self {
                kernel,
                family,
                group,
            })),
        }
    }

    /// What all devices can do.
    pub(super) fn takers(&mut self) -> io::Result<Takers> {
        let family = self.family;
        let request = || Request::new(family, libc::NLM_F_DUMP as u16, &[NETDEV_CMD_DEV_GET, 1, 0, 0]);
        self.kernel
            .dump(request, Takers::default, |takers, message| takers.add(message))
    }
}

impl Takers {
    /// Whether packets that a program sends by this device leave: its driver may lack that, or at the moment somebody
    /// else's part (a veth delivers nothing while its peer has neither an XDP program nor GRO). `None` if the kernel does
    /// not say.
    pub(super) fn takes(&self, device: u32) -> Option<bool> {
        self.0.get(&device).copied()
    }

    fn add(&mut self, message: &Message<'_>) {
        let find = |kind| attribute(message.body, GENL_BYTES, kind);
        let device = find(NETDEV_A_DEV_IFINDEX).and_then(|index| u32_at(index, 0));
        // 64 bits, of which the lower ones come first on the machines that we run on.
        let features = find(NETDEV_A_DEV_XDP_FEATURES).and_then(|features| u32_at(features, 0));
        if let (Some(device), Some(features)) = (device, features) {
            self.0.insert(device, features & TAKES_PACKETS != 0);
        }
    }
}

/// The number of the group "mgmt" among a family's groups.
fn group(groups: &[u8]) -> Option<u32> {
    attributes(groups, 0).find_map(|(_, group)| {
        let name = attribute(group, 0, CTRL_ATTR_MCAST_GRP_NAME).map(text)?;
        let id = attribute(group, 0, CTRL_ATTR_MCAST_GRP_ID)?;
        (name == "mgmt").then(|| u32_at(id, 0))?
    })
}

/// Whether packets that a program sends by a device leave, now. `None` if the kernel does not say.
pub fn takes_packets(device: u32) -> io::Result<Option<bool>> {
    let Some(mut netdev) = Netdev::open()? else {
        return Ok(None);
    };
    Ok(netdev.takers()?.takes(device))
}
