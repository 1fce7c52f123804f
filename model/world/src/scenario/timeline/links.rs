//! Events about links: every wire can be cut by itself, one way or both ways.

use farshore_core::ids::Side;

use super::{Act, Disturbance, How, Resolved, Struck};
use crate::scenario::error::{LinkError, Nonsense};
use crate::scenario::file::{Between, FlapFile, LetterFile, LinkAt};
use crate::scenario::names::Names;
use crate::scope::{Fault, Wire};

/// The links that there are.
const LINKS: [&str; 5] = ["sites", "replication", "arbiter", "all", "management"];
/// Directions of the link to the arbiter.
const ARBITER: [&str; 2] = ["to-arbiter", "from-arbiter"];
/// Directions of a management network.
const MANAGEMENT: [&str; 2] = ["orders", "answers"];
/// Who writes letters besides the sites' agents.
const THIRD: &str = "arbiter";
/// How late a letter is where the file does not say: between these.
const LATE: Between = Between::ms(2000, 8000);

/// A link, or some of its wires: what it is called, where it is, if at one site, and which wires.
struct Found {
    words: String,
    side: Option<Side>,
    wires: Vec<Wire>,
}

/// Looks up what an event says of links; errors name the event.
struct Links<'a> {
    names: &'a Names<'a>,
    event: &'static str,
    /// Whether the deployment has an arbiter.
    third: bool,
}

pub(super) fn cut(names: &Names<'_>, third: bool, link: &LinkAt) -> Result<Resolved, Nonsense> {
    let Found { words, side, wires } = Links { names, event: "cut", third }.link(link)?;
    Ok((format!("{words} is cut"), side, Act::Faults(wires.into_iter().map(Fault::Cut).collect())))
}

pub(super) fn mend(names: &Names<'_>, third: bool, link: &LinkAt) -> Result<Resolved, Nonsense> {
    let Found { words, side, wires } = Links { names, event: "mend", third }.link(link)?;
    Ok((format!("{words} is whole again"), side, Act::Faults(wires.into_iter().map(Fault::Mend).collect())))
}

pub(super) fn flap(names: &Names<'_>, third: bool, flap: FlapFile) -> Result<Resolved, Nonsense> {
    let FlapFile { link, from, site, direction, down, up, times } = flap;
    let Found { words, side, wires } =
        Links { names, event: "flap", third }.link(&LinkAt { link, from, site, direction })?;
    if times == 0 {
        return Err(Nonsense::new(names.at, "a link that flaps no time at all", "`times` is at least 1"));
    }
    Ok((format!("{words} comes and goes, {times} times"), side, Act::Flap { wires, down, up, times }))
}

/// Some letters between agents and arbiter go wrong.
pub(super) fn letters(
    names: &Names<'_>,
    third: bool,
    event: &'static str,
    f: &LetterFile,
) -> Result<Resolved, Nonsense> {
    let links = Links { names, event, third };
    links.needs_third()?;
    let wires = links.ways(f)?;
    let (how, what) = match event {
        "lose-letters" => (How::Lose, "is lost"),
        "late-letters" => (How::Slow(f.by.unwrap_or(LATE)), "is late"),
        _ => (How::Twice(f.by.unwrap_or(LATE)), "arrives, and later once more"),
    };
    let of = f.from.as_ref().map_or_else(|| "anybody".into(), |n| party(n));
    let to = f.to.as_ref().map_or_else(String::new, |n| format!(" to {}", party(n)));
    let often = match f.times {
        None => "every letter".into(),
        Some(1) => "one letter".into(),
        Some(n) => format!("each of {n} letters"),
    };
    let words = format!("from now on, {often} of {of}{to} {what}");
    Ok((words, None, Act::Disturb(Disturbance { what: Struck::Letter { wires }, how, left: f.times })))
}

fn party(name: &str) -> String {
    if name == THIRD { "the arbiter".into() } else { format!("the agent of {name}") }
}

impl Links<'_> {
    fn wrong(&self, error: LinkError) -> Nonsense {
        Nonsense::link(self.names.at, error)
    }

    fn needs_third(&self) -> Result<(), Nonsense> {
        if self.third { Ok(()) } else { Err(self.wrong(LinkError::NoArbiter { event: self.event })) }
    }

    fn sites(&self) -> Vec<String> {
        self.names.inventory.sites.iter().map(|s| s.name.clone()).collect()
    }

    fn site(&self, name: &str) -> Result<Side, Nonsense> {
        let unknown = |_| self.wrong(LinkError::Site { event: self.event, value: name.into(), allowed: self.sites() });
        self.names.site(name).map_err(unknown)
    }

    fn name(&self, side: Side) -> &str {
        &self.names.inventory.sites[side.at()].name
    }

    fn link(&self, link: &LinkAt) -> Result<Found, Nonsense> {
        match link.link.as_str() {
            "sites" => self.between(link, "the link between the sites", Wire::Peer),
            "replication" => self.between(link, "the replication link", Wire::Frames),
            "arbiter" => self.arbiter(link),
            "all" => self.all(link),
            "management" => self.management(link),
            other => {
                let (value, allowed) = (other.into(), LINKS.as_slice());
                Err(self.wrong(LinkError::Link { event: self.event, value, allowed }))
            }
        }
    }

    /// Keys that say nothing of this link.
    fn only(&self, link: &LinkAt, allowed: &'static [&'static str]) -> Result<(), Nonsense> {
        let given =
            [("from", link.from.is_some()), ("site", link.site.is_some()), ("direction", link.direction.is_some())];
        let stray = given.into_iter().find(|(key, given)| *given && !allowed.contains(key));
        stray.map_or(Ok(()), |(key, _)| {
            Err(self.wrong(LinkError::Key { event: self.event, link: link.link.clone(), key, allowed }))
        })
    }

    fn direction(&self, link: &LinkAt, allowed: &'static [&'static str; 2]) -> Result<[bool; 2], Nonsense> {
        let Some(value) = &link.direction else { return Ok([true, true]) };
        match allowed.iter().position(|a| a == value) {
            Some(at) => Ok([at == 0, at == 1]),
            None => Err(self.wrong(LinkError::Direction {
                event: self.event,
                link: link.link.clone(),
                value: value.clone(),
                allowed,
            })),
        }
    }

    fn between(&self, link: &LinkAt, what: &str, wire: fn(Side) -> Wire) -> Result<Found, Nonsense> {
        self.only(link, &["from"])?;
        let from = link.from.as_ref().map(|n| self.site(n)).transpose()?;
        let way = from.map_or_else(String::new, |s| format!(", from {} to {},", self.name(s), self.name(s.peer())));
        let wires = Side::BOTH.into_iter().filter(|s| from.is_none_or(|f| f == *s)).map(wire).collect();
        Ok(Found { words: format!("{what}{way}"), side: None, wires })
    }

    fn arbiter(&self, link: &LinkAt) -> Result<Found, Nonsense> {
        self.only(link, &["site", "direction"])?;
        self.needs_third()?;
        let side = link.site.as_ref().map(|n| self.site(n)).transpose()?;
        let [to, from] = self.direction(link, &ARBITER)?;
        let mut wires = Vec::new();
        for s in Side::BOTH.into_iter().filter(|s| side.is_none_or(|of| of == *s)) {
            wires.extend(to.then_some(Wire::ToArbiter(s)));
            wires.extend(from.then_some(Wire::FromArbiter(s)));
        }
        let whose = link.site.as_deref().unwrap_or("both sites");
        let words = match (to, from) {
            (true, false) => format!("the way from {whose} to the arbiter"),
            (false, true) => format!("the way from the arbiter to {whose}"),
            _ => format!("the link between the arbiter and {whose}"),
        };
        Ok(Found { words, side, wires })
    }

    /// Every way between a site and the rest of the world.
    fn all(&self, link: &LinkAt) -> Result<Found, Nonsense> {
        self.only(link, &["site"])?;
        let (side, site) = self.whose(link)?;
        let wires = Wire::around(side).into_iter();
        let wires = wires.filter(|w| self.third || matches!(w, Wire::Peer(_) | Wire::Frames(_))).collect();
        Ok(Found { words: format!("every link of {site}"), side: Some(side), wires })
    }

    /// The site that a link of a site's own needs.
    fn whose<'l>(&self, link: &'l LinkAt) -> Result<(Side, &'l str), Nonsense> {
        let allowed = self.sites();
        let unnamed = LinkError::NoSite { event: self.event, link: link.link.clone(), allowed };
        let site = link.site.as_deref().ok_or_else(|| self.wrong(unnamed))?;
        Ok((self.site(site)?, site))
    }

    fn management(&self, link: &LinkAt) -> Result<Found, Nonsense> {
        self.only(link, &["site", "direction"])?;
        let (side, site) = self.whose(link)?;
        let [orders, answers] = self.direction(link, &MANAGEMENT)?;
        let mut wires = Vec::new();
        wires.extend(orders.then_some(Wire::Orders(side)));
        wires.extend(answers.then_some(Wire::Answers(side)));
        let half = match (orders, answers) {
            (true, false) => ", from the manager,",
            (false, true) => ", to the manager,",
            _ => "",
        };
        Ok(Found { words: format!("the management network of {site}{half}"), side: Some(side), wires })
    }

    /// The wires that letters of these senders take to these receivers.
    fn ways(&self, f: &LetterFile) -> Result<Vec<Wire>, Nonsense> {
        let party = |name: &Option<String>| -> Result<Option<Option<Side>>, Nonsense> {
            match name.as_deref() {
                None => Ok(None),
                Some(THIRD) => Ok(Some(None)),
                Some(name) => {
                    let side = self.names.site(name).map_err(|_| {
                        let allowed = self.sites().into_iter().chain([THIRD.to_string()]).collect();
                        self.wrong(LinkError::Party { event: self.event, value: name.into(), allowed })
                    })?;
                    Ok(Some(Some(side)))
                }
            }
        };
        let (from, to) = (party(&f.from)?, party(&f.to)?);
        let all = Side::BOTH.into_iter().flat_map(|s| {
            [
                (Wire::Peer(s), Some(s), Some(s.peer())),
                (Wire::ToArbiter(s), Some(s), None),
                (Wire::FromArbiter(s), None, Some(s)),
            ]
        });
        let wires: Vec<Wire> = all
            .filter(|(_, sender, receiver)| from.is_none_or(|f| f == *sender) && to.is_none_or(|t| t == *receiver))
            .map(|(wire, _, _)| wire)
            .collect();
        if wires.is_empty() {
            let value = f.from.clone().unwrap_or_default();
            return Err(self.wrong(LinkError::Itself { event: self.event, value }));
        }
        Ok(wires)
    }
}
