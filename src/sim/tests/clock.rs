use std::{cell::RefCell, future::Future, pin::pin, time::Duration};

use futures_util::{
    StreamExt as _,
    future::{Either, select},
    stream::FuturesUnordered,
};

use super::{aws, make_set, run};
use crate::{
    cloud::{CloudRead as _, CloudWrite as _},
    ids::CallAs,
    sim::SimulatedAws,
};

const SECOND: Duration = Duration::from_secs(1);

fn boxed<'a>(
    future: impl Future<Output = ()> + 'a,
) -> std::pin::Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(future)
}

#[test]
fn pauses_end_in_the_order_of_their_deadlines() {
    let aws = aws();
    let ended = RefCell::new(Vec::new());
    let sleeper = async |length: u32, again: u32| {
        aws.pause(SECOND * length).await;
        ended.borrow_mut().push(aws.now().as_secs());
        aws.pause(SECOND * again).await;
        ended.borrow_mut().push(aws.now().as_secs());
    };

    run(async {
        let mut all: FuturesUnordered<_> =
            [sleeper(30, 1), sleeper(10, 30), sleeper(20, 5)].into_iter().collect();
        while all.next().await.is_some() {}
    });

    assert_eq!(*ended.borrow(), [10, 20, 25, 30, 31, 40]);
}

#[test]
fn no_pause_ends_while_something_else_can_go_on() {
    let aws = aws();
    let landed = RefCell::new(None);

    run(async {
        let call = async {
            // As many as the rate allows at once.
            for _ in 0..15 {
                aws.caller().await.unwrap();
            }
            *landed.borrow_mut() = Some(aws.now());
        };
        let pause = async { aws.pause(SECOND).await };
        let mut all: FuturesUnordered<_> = [boxed(pause), boxed(call)].into_iter().collect();
        while all.next().await.is_some() {}
    });

    assert_eq!(landed.take(), Some(Duration::ZERO));
    assert_eq!(aws.now(), SECOND);
}

#[test]
fn a_pause_that_is_put_aside_does_not_stop_the_clock() {
    let aws = aws();

    run(async {
        let mut aside = pin!(aws.pause(SECOND));
        assert!(matches!(select(aside.as_mut(), pin!(aws.caller())).await, Either::Right(_)));

        aws.pause(SECOND * 60).await;
        assert_eq!(aws.now(), SECOND * 60);
        aside.await;
    });

    assert_eq!(aws.now(), SECOND * 60);
}

#[test]
fn a_pause_that_is_dropped_does_not_count() {
    let aws = aws();

    run(async {
        drop(select(pin!(aws.pause(SECOND)), pin!(aws.caller())).await);
        aws.pause(SECOND * 2).await;
    });

    assert_eq!(aws.now(), SECOND * 2);
}

#[test]
fn a_call_that_was_made_later_may_land_first() {
    let order = |seed| {
        let aws = SimulatedAws::new(crate::sim::example_snapshot()).with_seed(seed);
        let landed = RefCell::new(Vec::new());
        run(async {
            let call = async |number: u32| {
                make_set(&aws, &format!("set-{number}")).await;
                landed.borrow_mut().push(number);
            };
            let mut all: FuturesUnordered<_> = (0..8).map(call).collect();
            while all.next().await.is_some() {}
            aws.stack_set_names(CallAs::ManagementAccount).await.unwrap()
        });
        landed.into_inner()
    };

    assert!(!order(1).is_sorted());
    assert_eq!(order(1), order(1));
    assert_ne!(order(1), order(2));
}
