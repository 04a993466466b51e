//! `list jsonstats` and the `statistics` command: the same tree, once as JSON text, once as an ng dictionary.

use call::Moments;
use ng_protocol::{CommandKind, Dict, Value as NgValue};
use serde_json::{Map, Value, json};

use super::snapshot::{self, Number, Section};
use super::stats;
use crate::registry::Control;

/// The JSON text of `list jsonstats`.
pub fn text(control: &Control) -> String {
    Value::Object(tree(control)).to_string()
}

/// The dictionary of `statistics`.
pub fn statistics(control: &Control) -> Dict<'static> {
    dict(tree(control))
}

fn tree(control: &Control) -> Map<String, Value> {
    let rows = snapshot::rows(control);
    let block = |section| {
        let of_section = rows.iter().filter(|row| row.section == section);
        of_section
            .map(|row| (row.key.to_owned(), number(row.value)))
            .collect::<Map<_, _>>()
    };
    let mut tree = Map::new();
    tree.insert("currentstatistics".into(), block(Section::Current).into());
    tree.insert("totalstatistics".into(), block(Section::Total).into());
    tree.insert("mos".into(), mos(&control.statistics.quality().mos));
    tree.insert("controlstatistics".into(), controllers(control));
    tree.insert("interfaces".into(), interfaces(control));
    tree.insert("transcoders".into(), json!([]));
    tree.insert("dropstatistics".into(), drops(control));
    tree
}

fn number(number: Number) -> Value {
    match number {
        Number::Int(n) => n.into(),
        Number::Float(x) => x.into(),
    }
}

/// Opinion scores of calls that are over.
fn mos(mos: &Moments) -> Value {
    json!({
        "mos_total": mos.sum,
        "mos2_total": mos.squares,
        "mos_samples_total": mos.samples,
        "mos_average": stats::mean(mos.samples, mos.sum),
        "mos_stddev": stats::deviation(mos.samples, mos.sum, mos.squares),
    })
}

fn controllers(control: &Control) -> Value {
    let proxies = control.statistics.proxies();
    let of = |kind: &CommandKind| kind.short_name().to_lowercase();
    let mut list = Vec::new();
    for (ip, stats) in &proxies {
        let mut proxy = Map::new();
        proxy.insert("proxy".into(), ip.to_string().into());
        for kind in CommandKind::ALL {
            let (count, took) = stats.requests.get(kind).copied().unwrap_or_default();
            proxy.insert(format!("{}count", of(kind)), count.into());
            proxy.insert(format!("{}duration", of(kind)), took.as_secs_f64().into());
        }
        proxy.insert("errorcount".into(), stats.errors.into());
        list.push(Value::Object(proxy));
    }
    let mut block = Map::new();
    block.insert("proxies".into(), list.into());
    for kind in CommandKind::ALL {
        let count: u64 = proxies
            .values()
            .filter_map(|p| p.requests.get(kind))
            .map(|(n, _)| n)
            .sum();
        block.insert(format!("total{}count", of(kind)), count.into());
    }
    block.into()
}

fn interfaces(control: &Control) -> Value {
    let one = |interface: snapshot::InterfaceUse| {
        let ports = interface.ports;
        let totals = ports.used + ports.free;
        let percent = if totals == 0 {
            0.0
        } else {
            ports.used as f64 * 100.0 / totals as f64
        };
        json!({
            "name": interface.name,
            "address": interface.address.to_string(),
            "ports": {
                "min": ports.min, "max": ports.max, "used": ports.used, "used_pct": percent,
                "free": ports.free, "totals": totals,
            },
        })
    };
    snapshot::interfaces(control).into_iter().map(one).collect()
}

/// Ours: packets dropped, by reason.
fn drops(control: &Control) -> Value {
    let drops = snapshot::drops(control);
    let drops: Map<_, _> = drops
        .map(|(reason, count)| (reason.text().to_owned(), count.into()))
        .collect();
    drops.into()
}

fn dict(map: Map<String, Value>) -> Dict<'static> {
    let mut dict = Dict::new();
    for (key, value) in map {
        dict.push(key, ng_value(value));
    }
    dict
}

fn ng_value(value: Value) -> NgValue<'static> {
    match value {
        Value::Object(map) => dict(map).into(),
        Value::Array(items) => items.into_iter().map(ng_value).collect(),
        Value::String(text) => text.into(),
        // Bencode has no fractions; the reference writes them as text.
        Value::Number(n) => n.as_i64().map_or_else(
            || format!("{:.6}", n.as_f64().unwrap_or(0.0)).into(),
            NgValue::from,
        ),
        Value::Bool(_) | Value::Null => NgValue::from(0),
    }
}
