//! Addresses at each site, and the networks of tests (F6, F8). Each test names the rule that it checks.

mod support;

use std::net::IpAddr;

use farshore_core::inventory::{AddressError, ConfigError, Site};
use farshore_core::spec::{Deployment, Mapping, Subnet, SubnetError, Vm};
use support::groups;

fn subnet(text: &str) -> Subnet {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// `shop` with two VMs at 10.1.4.7 and 10.1.4.8, and a rule that gives them addresses at birch.
fn shop() -> Deployment {
    let vm = |name: &str, address: &str| Vm {
        network: Some("lan".into()),
        address: [("alder".to_string(), ip(address))].into(),
        ..Vm::of(name, &["shop"])
    };
    let mut deployment = groups(&["shop"]);
    deployment.vms = vec![vm("db", "10.1.4.7"), vm("web", "10.1.4.8")];
    deployment.sites[0].networks = vec!["lan".into()];
    deployment.sites[1].networks = vec!["lan".into(), "lan-test".into()];
    deployment.mappings = vec![Mapping {
        from: "alder".into(),
        to: "birch".into(),
        networks: [("lan".to_string(), "lan".to_string())].into(),
        test_networks: [("lan".to_string(), "lan-test".to_string())].into(),
        subnets: [(subnet("10.1.0.0/16"), subnet("10.2.0.0/16")), (subnet("10.1.4.8/32"), subnet("192.168.0.1/32"))]
            .into(),
        ..Mapping::default()
    }];
    deployment
}

/// The address and the test network of a VM at each site.
fn places(deployment: &Deployment, name: &str) -> [(Option<IpAddr>, Option<String>); 2] {
    let site = Site::new(deployment, "alder").unwrap();
    let (_, vm) = site.inventory.vms.iter().find(|(_, vm)| vm.name == name).unwrap();
    vm.place.each_ref().map(|place| {
        let place = place.as_ref().unwrap();
        (place.address, place.test_network.clone())
    })
}

/// F6: the other site's address follows from the longest subnet that fits, unless it is said.
#[test]
fn f6_addresses_follow_subnets() {
    let mut deployment = shop();
    assert_eq!(places(&deployment, "db").map(|p| p.0), [Some(ip("10.1.4.7")), Some(ip("10.2.4.7"))]);
    assert_eq!(places(&deployment, "web").map(|p| p.0), [Some(ip("10.1.4.8")), Some(ip("192.168.0.1"))]);
    deployment.vms[1].address.insert("birch".into(), ip("10.9.9.9"));
    assert_eq!(places(&deployment, "web")[1].0, Some(ip("10.9.9.9")));
    deployment.vms[0].address = [("birch".to_string(), ip("10.2.0.1"))].into();
    assert_eq!(places(&deployment, "db").map(|p| p.0), [Some(ip("10.1.0.1")), Some(ip("10.2.0.1"))], "and back");
    deployment.mappings[0].subnets.clear();
    assert_eq!(places(&deployment, "db").map(|p| p.0), [None, Some(ip("10.2.0.1"))]);
}

/// F8: a test uses the network that the mapping names, at the site that it names it for.
#[test]
fn f8_tests_have_networks_of_their_own() {
    let mut deployment = shop();
    assert_eq!(places(&deployment, "db").map(|p| p.1), [None, Some("lan-test".into())]);
    deployment.mappings[0].test_networks.insert("lan".into(), "nowhere".into());
    assert!(matches!(Site::new(&deployment, "alder"), Err(ConfigError::Unknown { .. })));
}

/// F6: what cannot be is refused by name.
#[test]
fn f6_addresses_that_cannot_be_are_refused() {
    let refused = |deployment: &Deployment| match Site::new(deployment, "alder") {
        Err(ConfigError::Address { vm, why }) => (vm, why),
        other => panic!("{other:?}"),
    };
    let mut twice = shop();
    twice.vms[1].address = twice.vms[0].address.clone();
    let (vm, why) = refused(&twice);
    assert!(vm == "web" && matches!(why, AddressError::Taken { other, .. } if other == "db"));
    let mut nowhere = shop();
    nowhere.vms[0].address.insert("cedar".into(), ip("10.3.0.1"));
    assert_eq!(refused(&nowhere), ("db".into(), AddressError::UnknownSite("cedar".into())));
    let mut unlike = shop();
    unlike.mappings[0].subnets.insert(subnet("10.5.0.0/16"), subnet("10.6.0.0/24"));
    assert!(matches!(Site::new(&unlike, "alder"), Err(ConfigError::Subnets { .. })));
}

/// F6: a subnet is an address and a length, and names itself.
#[test]
fn f6_subnets_are_read_and_written() {
    for text in ["10.1.0.0/16", "0.0.0.0/0", "192.168.7.9/32", "fd00:1::/64", "::/0"] {
        assert_eq!(subnet(text).to_string(), text);
    }
    assert!(subnet("0.0.0.0/0").contains(ip("1.2.3.4")) && !subnet("0.0.0.0/0").contains(ip("::1")));
    assert_eq!(subnet("fd00:1::/64").translate(ip("fd00:1::7"), &subnet("fd00:2::/64")), Some(ip("fd00:2::7")));
    for text in ["10.1.0.0", "10.1.0.0/33", "ten/8", "fd00::/129", "/8"] {
        assert!(matches!(text.parse::<Subnet>(), Err(SubnetError::Text(_))), "{text}");
    }
    assert!(matches!("10.1.2.3/16".parse::<Subnet>(), Err(SubnetError::HostBits(_, own)) if own == ip("10.1.0.0")));
}
