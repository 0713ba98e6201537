//! The listener: one HTTP server over the dialects, with its limits, until it is told to stop.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::num::NonZeroU32;
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{Server, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::Data;
use actix_web::{App, Error, HttpServer};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::config::Settings;
use crate::dialect::Bodies;
use crate::dialect::openziti;
use crate::dialect::vault;
use crate::dialect::zitadel;
use crate::engine::Engine;

/// Start serving `engine` on `listener`. The server runs when it is awaited, ends at SIGTERM or SIGINT, and then lets running requests finish.
///
/// # Errors
/// When the system refuses.
pub fn start(engine: &Arc<Engine>, listener: TcpListener, settings: &Settings) -> io::Result<Server> {
    let engine = Data::from(Arc::clone(engine));
    let bodies = Data::new(Bodies::new(settings.body_timeout));
    let throttle = Data::new(Throttle::new(settings));
    let network = settings
        .openziti
        .then(|| Data::new(openziti::Network { rules: settings.edge_rules(), url: settings.openziti_url.clone() }));
    let factory = move || {
        // Paths are tried in this order; each dialect's differ from the others'.
        let app = App::new()
            .app_data(throttle.clone())
            .wrap(from_fn(shed))
            .configure(vault::configure(engine.clone(), bodies.clone()))
            .configure(zitadel::configure(engine.clone(), bodies.clone()));
        match &network {
            Some(network) => app.configure(openziti::configure(engine.clone(), bodies.clone(), network.clone())),
            None => app,
        }
    };
    let mut server = HttpServer::new(factory)
        .keep_alive(settings.keep_alive)
        .client_request_timeout(settings.head_timeout)
        .client_disconnect_timeout(settings.head_timeout)
        .max_connections(settings.connections)
        .worker_max_blocking_threads(BLOCKING_THREADS)
        .shutdown_timeout(settings.shutdown_timeout.as_secs());
    if settings.workers > 0 {
        server = server.workers(settings.workers);
    }
    Ok(server.listen(listener)?.run())
}

/// Threads beside each worker for what may block: drawing pictures, long lists.
const BLOCKING_THREADS: usize = 4;

/// How often each client address may ask. It only sheds load: what limits guessing is stored.
struct Throttle(Option<DefaultKeyedRateLimiter<IpAddr>>);

/// Addresses that are told apart at once. When there are more, those that have been quiet are forgotten.
const MOST_ADDRESSES: usize = 100_000;

impl Throttle {
    fn new(settings: &Settings) -> Self {
        let rate = NonZeroU32::new(settings.requests_per_second);
        Self(rate.map(|rate| {
            let burst = NonZeroU32::new(settings.request_burst);
            let ten_seconds = || NonZeroU32::new(rate.get().saturating_mul(10)).unwrap_or(rate);
            RateLimiter::keyed(Quota::per_second(rate).allow_burst(burst.unwrap_or_else(ten_seconds)))
        }))
    }

    fn admits(&self, peer: Option<SocketAddr>) -> bool {
        let (Some(limiter), Some(peer)) = (&self.0, peer) else { return true };
        if limiter.len() > MOST_ADDRESSES {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
        limiter.check_key(&network(peer.ip())).is_ok()
    }
}

/// What one client can have many of counts as one: the /64 of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
    }
}

async fn shed(
    throttle: Data<Throttle>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if throttle.admits(request.peer_addr()) {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    let path = request.path();
    let refusal = if zitadel::serves(path) {
        zitadel::too_often(path)
    } else if openziti::owns(path) {
        openziti::too_often()
    } else {
        vault::too_often(path)
    };
    Ok(request.into_response(refusal).map_into_right_body())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_ipv6_network_is_one_client() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
    }

    #[test]
    fn a_client_is_admitted_up_to_its_burst_and_others_are_not_hurt() {
        let throttle = Throttle::new(&Settings { requests_per_second: 1, request_burst: 3, ..Settings::default() });
        let admitted = |address: &str| throttle.admits(Some(SocketAddr::new(address.parse().unwrap(), 1)));
        assert_eq!((0..10).filter(|_| admitted("192.0.2.1")).count(), 3);
        assert!(admitted("192.0.2.2"));
        assert!(Throttle::new(&Settings::default()).admits(None));
    }
}
