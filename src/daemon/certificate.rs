//! The DTLS certificate: made at the start, and replaced when half of its life is over.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use call::DtlsHost;
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use dtls::{Gate, Identity};

use super::StartError;
use crate::clock;
use crate::config::{Config, DtlsSettings};
use crate::registry::Control;

/// Time between two looks at the certificate's age, which is counted in weeks.
const LOOK_INTERVAL: Duration = Duration::from_secs(3600);

/// DTLS for calls of so many control shards.
pub(super) fn host(config: &Config, shards: usize) -> Result<DtlsHost, StartError> {
    let made = make(&config.dtls)?;
    let now = clock::now();
    let gates = (0..shards.max(1))
        .map(|_| Gate::new(now))
        .collect::<Result<_, _>>();
    let gates = gates.map_err(|error| StartError::Certificate(error.to_string()))?;
    let mut host = DtlsHost::new(made, gates);
    host.passive = config.dtls.passive;
    Ok(host)
}

fn make(settings: &DtlsSettings) -> Result<Arc<dtls::Config>, StartError> {
    let failed = |error: &dyn std::error::Error| StartError::Certificate(error.to_string());
    let identity = Identity::generate(&settings.request, clock::now().as_secs()).map_err(|e| failed(&e))?;
    let made = dtls::Config::new(Arc::new(identity), &settings.protocol).map_err(|e| failed(&e))?;
    Ok(Arc::new(made))
}

/// Starts the thread that replaces the certificate. It ends when what it returns is dropped.
pub(super) fn keep_young(control: &Arc<Control>, settings: DtlsSettings) -> io::Result<Sender<()>> {
    let (stop, stopped) = bounded(1);
    let control = Arc::clone(control);
    std::thread::Builder::new()
        .name("certificate".into())
        .spawn(move || watch(&control, &settings, &stopped))?;
    Ok(stop)
}

fn watch(control: &Control, settings: &DtlsSettings, stopped: &Receiver<()>) {
    while stopped.recv_timeout(LOOK_INTERVAL) == Err(RecvTimeoutError::Timeout) {
        let host = control.settings().dtls.clone();
        let spent = |host: &DtlsHost| host.config().identity().is_half_spent(clock::now().as_secs());
        let Some(host) = host.filter(spent) else {
            continue;
        };
        match make(settings) {
            Ok(made) => {
                // Calls that have begun with the old one keep it: their parties know its fingerprint.
                control.change_settings(|settings| settings.dtls = Some(host.with_config(made)));
                tracing::info!("a new DTLS certificate is in use");
            }
            Err(error) => tracing::error!("{error}; the old one stays in use"),
        }
    }
}
