#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""qkdkmed against tools/kme, with links played by stage.py: test.py DIR, where DIR has the programs."""
import base64
import errno
import os
import re
import signal
import subprocess
import sys
import time
import uuid

from stage import DOWN, UP, Failure, Stage, check, run, wait_for

NOT_FOUND = "one or more keys specified are not found on KME"


def standard(stage, kmes_a="a", kmes_b="b", wait=True, a=None, b=None, pair=None, **link):
    """alice at KME a, bob at KME b, in one daemon; returns alice's link to bob and bob's to alice"""
    stage.fresh(**(pair or {}))
    alice = stage.new_link("bob", "alice", "bob")
    bob = stage.new_link("alice", "bob", "alice")
    configure(stage, kmes_a, kmes_b, a, b, **link)
    stage.start(wait=wait)
    return alice, bob


def configure(stage, kmes_a="a", kmes_b="b", a=None, b=None, **link):
    stage.config(*(stage.kme_section(node, "alice", **(a or {})) for node in ("a", "a2")),
                 *(stage.kme_section(node, "bob", **(b or {})) for node in ("b", "b2")),
                 stage.link_section("bob", kmes_a, **link), stage.link_section("alice", kmes_b, **link))


def full(link, number=40):
    wait_for(lambda: len(link.outbound) >= number, f"{number} outbound keys, there are {len(link.outbound)}")


def transfers(alice, bob, number=1):
    """Keys that alice takes are there for bob, the same."""
    keys = wait_for(lambda: alice.get(number), "outbound keys")
    bob.want(*(key_id for key_id, _ in keys))
    for key_id, key in keys:
        check(bob.wait_outcome(key_id) == key, f"bob's outcome: {errno_or_key(bob.outcome(key_id))}")
    return keys


def errno_or_key(outcome):
    return errno.errorcode[outcome] if isinstance(outcome, int) else "a key" if outcome else "none"


# ---- the plain way ----


def test_fills_the_pool_to_its_mark_in_batches(stage):
    alice, bob = standard(stage)
    full(alice)
    full(bob)
    check(len(alice.outbound) == 40, f"{len(alice.outbound)} keys")
    check(stage.stats("a")["drawn"] == 40 and stage.stats("a")["enc_keys"] == 3, str(stage.stats("a")))
    check(len({key for _, key in alice.outbound + bob.outbound}) == 80, "keys are not all different")


def test_both_ends_have_the_same_keys(stage):
    alice, bob = stage.links["bob"], stage.links["alice"]
    transfers(alice, bob, 5)
    transfers(bob, alice, 5)


def test_refills_when_the_kernel_is_low(stage):
    alice = stage.links["bob"]
    alice.get(len(alice.outbound) - 9)
    full(alice)


def test_ids_wanted_together_go_in_one_request(stage):
    alice, bob = stage.links["bob"], stage.links["alice"]
    full(alice, 30)
    stage.ctl("fault", "b", "delay=300", "for=dec_keys")
    before = stage.stats("b").get("dec_keys", 0)
    ids = [key_id for key_id, _ in alice.get(20)]
    for key_id in ids:
        bob.want(key_id)
    for key_id in ids:
        check(isinstance(bob.wait_outcome(key_id), bytes))
    stage.ctl("clear", "b")
    requests = stage.stats("b")["dec_keys"] - before
    check(requests <= 6, f"{requests} requests for 20 keys")


def test_many_links_and_limits_per_request(stage):
    alice, bob = standard(stage, pair={"per_request": 5})
    full(alice)
    check(stage.stats("a")["enc_keys"] == 8, str(stage.stats("a")))
    transfers(alice, bob, 20)


def test_get_where_one_will_do(stage):
    alice, bob = standard(stage, a={"method": "get"}, b={"method": "get"})
    full(alice)
    transfers(alice, bob, 1)
    transfers(alice, bob, 7)


# ---- no key ----


def test_unknown_keys_are_refused_with_enokey(stage):
    _, bob = standard(stage)
    stranger = uuid.uuid4()
    bob.want(stranger)
    check(bob.wait_outcome(stranger) == errno.ENOKEY, errno_or_key(bob.outcome(stranger)))
    stage.wait_log(f'link "alice": kme "b": dec_keys: status 400: {NOT_FOUND}')


def test_spent_keys_are_refused_with_enokey(stage):
    alice, bob = stage.links["bob"], stage.links["alice"]
    (key_id, _), = transfers(alice, bob)
    bob.inbound.clear()
    bob.want(key_id)
    check(bob.wait_outcome(key_id) == errno.ENOKEY, errno_or_key(bob.outcome(key_id)))


def test_keys_of_others_are_refused_with_eacces(stage):
    stage.fresh()
    carols = stage.new_link("carol", "alice", "carol")
    bob = stage.new_link("alice", "bob", "alice")
    stage.config(stage.kme_section("a", "alice"), stage.kme_section("b", "bob"),
                 stage.link_section("carol", "a"), stage.link_section("alice", "b"))
    stage.start()
    full(carols)
    (key_id, _), = carols.get(1)
    bob.want(key_id)
    check(bob.wait_outcome(key_id) == errno.EACCES, errno_or_key(bob.outcome(key_id)))


def test_a_foreign_id_keeps_nobody_from_his_keys(stage):
    alice, bob = standard(stage)
    full(alice)
    keys = alice.get(20)
    strangers = [uuid.uuid4() for _ in range(2)]
    ids = [key_id for key_id, _ in keys]
    bob.want(*ids[:7], strangers[0], *ids[7:15], strangers[1], *ids[15:])
    for key_id, key in keys:
        check(bob.wait_outcome(key_id) == key, errno_or_key(bob.outcome(key_id)))
    for key_id in strangers:
        check(bob.wait_outcome(key_id) == errno.ENOKEY, errno_or_key(bob.outcome(key_id)))


def test_an_unauthorised_sae_draws_nothing(stage):
    stage.fresh()
    alice = stage.new_link("dave", "alice", "dave")
    stage.config(stage.kme_section("a", "alice"), stage.link_section("dave", "a"))
    stage.start(wait=False)
    stage.wait_log('link "dave": kme "a": status: status 401')
    check(not alice.outbound and alice.state() == DOWN)


# ---- faults: what is said of them, and that they do no harm ----

# FAULT, what the log says after 'kme "a": '
OUTBOUND_FAULTS = (
    ("status=503", "enc_keys: status 503: as told"),
    ("status=400", "enc_keys: status 400: as told"),
    ("status=401", "enc_keys: status 401"),
    ("status=500", "enc_keys: status 500"),
    ("status=302", "enc_keys: status 302"),
    ("hang", "enc_keys: no whole answer in time"),
    ("delay=3000", "enc_keys: no whole answer in time"),
    ("loris=100", "enc_keys: no whole answer in time"),
    ("drop", "enc_keys: "),
    ("cut=60", "enc_keys: "),
    ("headers=40000", "enc_keys: answer: headers longer than 16384 bytes"),
    ("huge=200000", "enc_keys: answer: body longer than "),
    ("truncated", "enc_keys: refused: answer: JSON that ends early"),
    ("deep=30", "enc_keys: refused: answer: no JSON: nesting too deep"),
    ("text", "enc_keys: refused: answer: no JSON"),
    ("array", "enc_keys: refused: answer: JSON, but no object"),
    ("no-keys", "enc_keys: refused: keys: missing"),
    ("keys-object", "enc_keys: refused: keys: not an array"),
    ("base64", "enc_keys: refused: keys[0].key: not base64"),
    ("length=16", "enc_keys: refused: keys[0].key: 128 bits, 256 were asked for"),
    ("length=33", "enc_keys: refused: keys[0].key: 264 bits, 256 were asked for"),
    ("length=100", "enc_keys: refused: keys[0].key: more than 256 bits"),
    ("duplicate", "enc_keys: refused: keys["),
    ("extra=3", "enc_keys: refused: keys: "),
    ("missing=1000", "enc_keys: 0 keys, none of use"),
    ("both", 'enc_keys: refused: keys: there beside "Keys"'),
    ("no-dashes", "enc_keys: refused: keys[0].key_ID: not a UUID"),
    ("number", "enc_keys: refused: keys[0].key_ID: not a string"),
    ("veiled", "enc_keys: refused: keys[0].key: no key of 256 bits"),
)


def outbound_fault(fault, said):
    def test(stage):
        alice = stage.links["bob"]
        wait_for(lambda: alice.state() == UP, "the link is up")
        full(alice)
        stage.ctl("fault", "a", fault, "for=enc_keys")
        before = stage.log().count(f'link "bob": kme "a": {said}')
        alice.get(len(alice.outbound))
        stage.wait_log(f'link "bob": kme "a": {said}', before + 1)
        level = len(alice.outbound)
        check(not level, f"{level} keys were taken")
        stage.ctl("clear", "a")
        full(alice)
        check(len(alice.outbound) == 40, f"{len(alice.outbound)} keys")

    test.__name__ = f"test_outbound_{fault}"
    return test


# FAULT, what the log says, what becomes of the key after it (it is lost once the KME has let go of it)
INBOUND_FAULTS = (
    ("status=503", "dec_keys: status 503: as told", bytes),
    ("status=500", "dec_keys: status 500", bytes),
    ("drop", "dec_keys: ", errno.ENOKEY),
    ("hang", "dec_keys: no whole answer in time", errno.ENOKEY),
    ("truncated", "dec_keys: refused: answer: JSON that ends early", errno.ENOKEY),
    ("base64", "dec_keys: refused: keys[0].key: not base64", errno.ENOKEY),
    ("length=31", "dec_keys: refused: keys[0].key: 248 bits, 256 were asked for", errno.ENOKEY),
    ("stranger", "dec_keys: refused: keys[0].key_ID: a key that was never asked for", errno.ENOKEY),
    ("extra=1", "dec_keys: refused: keys: 2 of them, 1 were asked for", errno.ENOKEY),
    ("duplicate", "dec_keys: refused: keys: 2 of them, 1 were asked for", errno.ENOKEY),
    ("huge=200000", "dec_keys: answer: body longer than ", errno.ENOKEY),
    ("missing=1", None, errno.ENOKEY),
    ("capital", None, bytes),
    ("upper", None, bytes),
    ("escaped", None, bytes),
    ("delay=500", None, bytes),
)


def inbound_fault(fault, said, outcome):
    def test(stage):
        alice, bob = stage.links["bob"], stage.links["alice"]
        wait_for(lambda: bob.state() == UP, "the link is up")
        full(alice, 10)
        (key_id, key), = alice.get(1)
        before = stage.log().count(f'link "alice": kme "b": {said}')
        stage.ctl("fault", "b", fault, "for=dec_keys", "times=1")
        bob.want(key_id)
        got = bob.wait_outcome(key_id)
        check(got == (key if outcome is bytes else outcome), errno_or_key(got))
        if said:
            stage.wait_log(f'link "alice": kme "b": {said}', before + 1)
        stage.ctl("clear", "b")
        transfers(alice, bob)

    test.__name__ = f"test_inbound_{fault}"
    return test


def test_ready_for_faults(stage):
    alice, bob = standard(stage)
    full(alice)
    full(bob)


STATUS_FAULTS = (
    ("type", "status: refused: max_key_per_request: not a whole number"),
    ("size=128", "status: refused: max_key_size: 128 bits, keys of 256 are needed"),
    ("status=503", "status: status 503"),
    ("truncated", "status: refused: answer: JSON that ends early"),
    ("huge=50000", "status: answer: body longer than 16384 bytes"),
)


def status_fault(fault, said):
    def test(stage):
        alice = stage.links["bob"]
        wait_for(lambda: alice.state() == UP, "the link is up")
        stage.ctl("fault", "a", fault, "for=status")
        stage.wait_log(f'link "bob": kme "a": {said}')
        wait_for(lambda: alice.state() == DOWN, "the link is down")
        stage.ctl("clear", "a")
        wait_for(lambda: alice.state() == UP, "the link is up again")

    test.__name__ = f"test_status_{fault}"
    return test


def test_who_nobody_waits_for_is_not_asked_for(stage):
    alice, bob = stage.links["bob"], stage.links["alice"]
    full(alice, 10)
    (key_id, _), = alice.get(1)
    stage.ctl("fault", "b", "status=503", "for=dec_keys")
    before = stage.stats("b")["dec_keys"]
    bob.want(key_id, timeout=0.8)
    wait_for(lambda: stage.stats("b")["dec_keys"] >= before + 2, "it is asked for again")
    time.sleep(2.5)  # longer than its deadline and retry-max: then there must be no request any more
    before = stage.stats("b")["dec_keys"]
    time.sleep(1.5)
    check(stage.stats("b")["dec_keys"] == before, "it was asked for after its time")
    check(bob.outcome(key_id) is None, errno_or_key(bob.outcome(key_id)))
    stage.ctl("clear", "b")


def test_a_complaint_is_made_once(stage):
    alice = stage.links["bob"]
    full(alice, 10)
    stage.ctl("fault", "a", "status=503", "for=enc_keys")
    before = stage.stats("a")["enc_keys"]
    alice.get(len(alice.outbound))
    said = stage.log().count("enc_keys: status 503")
    wait_for(lambda: stage.stats("a")["enc_keys"] >= before + 5, "it tries again")
    check(stage.log().count("enc_keys: status 503") <= said + 1, "it is said again and again")
    stage.ctl("clear", "a")
    stage.wait_log('link "bob": kme "a": works again, after ')


def test_tries_ever_later(stage):
    alice = stage.links["bob"]
    full(alice, 10)
    stage.ctl("fault", "a", "status=503", "for=enc_keys")
    before = stage.stats("a")["enc_keys"]
    alice.get(len(alice.outbound))
    time.sleep(3)
    tries = stage.stats("a")["enc_keys"] - before
    check(2 <= tries <= 10, f"{tries} tries in 3 seconds")
    stage.ctl("clear", "a")
    full(alice, 10)


# ---- KMEs that go and come ----


def test_goes_to_the_next_kme_and_back(stage):
    alice, bob = standard(stage, "a a2", "b b2")
    full(alice)
    check("enc_keys" not in stage.stats("a2"), "the second was asked though the first works")
    stage.ctl("stop", "a")
    stage.ctl("stop", "b")
    alice.get(len(alice.outbound))
    full(alice)
    check(stage.stats("a2").get("drawn", 0) >= 40, str(stage.stats("a2")))
    transfers(alice, bob, 3)
    check(stage.stats("b2").get("fetched", 0) >= 3, str(stage.stats("b2")))
    check(alice.state() == UP, "the link is down though one KME answers")
    stage.ctl("start", "a")
    stage.ctl("start", "b")
    drawn = stage.stats("a")["drawn"]

    def uses_the_first():
        alice.get(len(alice.outbound))
        return stage.stats("a")["drawn"] > drawn

    wait_for(uses_the_first, "the first is asked again")


def test_a_kme_that_does_not_know_is_no_last_word(stage):
    """A key that only the second KME gives: the first denies it."""
    alice, bob = stage.links["bob"], stage.links["alice"]
    full(alice, 10)
    stage.ctl("fault", "b", "status=400", "for=dec_keys")
    transfers(alice, bob, 4)
    stage.ctl("clear", "b")


def test_a_kme_that_is_away_may_have_the_key(stage):
    alice, bob = stage.links["bob"], stage.links["alice"]
    full(alice, 10)
    (key_id, key), = alice.get(1)
    stage.ctl("fault", "b", "status=400", "for=dec_keys")
    stage.ctl("stop", "b2")
    bob.want(key_id, timeout=8)
    time.sleep(0.7)
    check(bob.outcome(key_id) is None, f"{errno_or_key(bob.outcome(key_id))}, though a KME has not been asked")
    stage.ctl("start", "b2")
    check(bob.wait_outcome(key_id) == key, errno_or_key(bob.outcome(key_id)))
    stage.ctl("clear", "b")


def test_death_of_all_kmes_is_reported_and_survived(stage):
    alice, bob = stage.links["bob"], stage.links["alice"]
    for node in ("a", "a2", "b", "b2"):
        stage.ctl("stop", node)
    wait_for(lambda: alice.state() == DOWN and bob.state() == DOWN, "the links are down")
    stage.wait_log('link "bob": down: none of its KMEs answers')
    for node in ("a", "b"):
        stage.ctl("start", node)
    wait_for(lambda: alice.state() == UP and bob.state() == UP, "the links are up again")
    full(alice, 10)
    transfers(alice, bob, 2)


def test_an_empty_kme_still_answers_by_id(stage):
    alice, bob = standard(stage, pair={"rate": 0, "stored": 60})
    full(alice)
    keys = alice.get(40)
    stage.wait_log('link "bob": kme "a": enc_keys: status 503: not enough keys')
    bob.want(*(key_id for key_id, _ in keys))
    for key_id, key in keys:
        check(bob.wait_outcome(key_id) == key)
    check(alice.state() == UP, "the link is down")
    stage.ctl("stored", "alice", "bob", "1000")
    full(alice)


# ---- the kernel's side ----


def test_no_more_keys_than_there_is_room_for(stage):
    stage.fresh()
    alice = stage.new_link("bob", "alice", "bob", capacity=25)
    stage.config(stage.kme_section("a", "alice"), stage.link_section("bob", "a"))
    stage.start()
    full(alice, 25)
    alice.get(20)
    full(alice, 25)
    check(stage.stats("a")["drawn"] == 45, str(stage.stats("a")))


def test_a_link_that_goes_and_comes_is_fed_again(stage):
    alice = stage.links["bob"]
    stage.links.pop("bob").close()
    wait_for(lambda: not alice.busy, "the feed is closed")
    stage.wait_log('link "bob": it has gone')
    stage.wait_log('link "bob": there is no such link')
    os.unlink("feeds/bob")
    alice = stage.new_link("bob", "alice", "bob", capacity=25)
    full(alice, 25)


def test_a_restarted_daemon_gets_what_is_still_wanted(stage):
    alice, bob = standard(stage)
    full(alice)
    (key_id, key), = alice.get(1)
    check(stage.stop() == 0, "exit status")
    bob.want(key_id, timeout=20)
    stage.start()
    check(bob.wait_outcome(key_id) == key, errno_or_key(bob.outcome(key_id)))
    check(bob.feeds == 2, f"{bob.feeds} feeds")


def test_a_second_daemon_waits_for_the_feed(stage):
    first, first_log = stage.daemon, stage.log_name
    stage.start(wait=False)
    stage.wait_log('link "bob": another process feeds it')
    check(stage.stop() == 0, "exit status")
    stage.daemon, stage.log_name = first, first_log


# ---- configuration, reading it again ----


def test_reload_keeps_the_feeds(stage):
    alice, bob = standard(stage)
    full(alice)
    configure(stage, "a2", "b2", high=60)
    stage.reload()
    # To the new mark at once: keys that are taken meanwhile may leave as many as are enough.
    full(alice, 60)
    alice.get(55)
    full(alice, 60)
    check(stage.stats("a2").get("drawn", 0) > 0, "the new KME is not asked")
    transfers(alice, bob, 3)
    check(stage.stats("b2").get("fetched", 0) == 3, str(stage.stats("b2")))
    check(alice.feeds == 1 and bob.feeds == 1, f"{alice.feeds}, {bob.feeds} feeds")
    check(DOWN not in alice.reports, "the link was down")


def test_reload_ends_no_request(stage):
    alice, bob = stage.links["bob"], stage.links["alice"]
    (key_id, key), = alice.get(1)
    stage.ctl("fault", "b2", "delay=700", "for=dec_keys")
    before = stage.stats("b2")["dec_keys"]
    bob.want(key_id)
    wait_for(lambda: stage.stats("b2")["dec_keys"] > before, "the request is under way")
    configure(stage)
    stage.reload()
    check(bob.wait_outcome(key_id) == key, errno_or_key(bob.outcome(key_id)))
    stage.ctl("clear", "b2")


def test_reload_of_a_bad_file_changes_nothing(stage):
    alice, bob = stage.links["bob"], stage.links["alice"]
    with open("qkdkmed.conf", "a", encoding="ascii") as file:
        file.write("colour = red\n")
    stage.daemon.send_signal(signal.SIGHUP)
    stage.wait_log("going on with the configuration as it was")
    stage.wait_log('unknown setting "colour" in link alice; qkdkmed.conf(5) lists what there is')
    transfers(alice, bob, 2)


def test_reload_adds_and_removes_links(stage):
    alice, bob = stage.links["bob"], stage.links["alice"]
    carol = stage.new_link("carol", "alice", "carol")
    stage.config(stage.kme_section("a", "alice"), stage.link_section("bob", "a"), stage.link_section("carol", "a"))
    stage.reload()
    full(carol)
    wait_for(lambda: not bob.busy, "the removed link's feed is closed")
    check(alice.busy and alice.feeds == 1, "the other link lost its feed")
    stage.links.pop("carol").close()


# ---- whom it trusts ----


def tls_outcome(stage, said, **settings):
    stage.fresh()
    alice = stage.new_link("bob", "alice", "bob")
    stage.config(stage.kme_section("a", "alice", **settings), stage.link_section("bob", "a"))
    stage.start(wait=False)
    if said is None:
        full(alice)
        return
    wait_for(lambda: re.search(f'link "bob": kme "a": status: {said}', stage.log()), f"the log says {said}")
    check(not alice.outbound and not stage.stats("a"), "it was asked")


def pin(file):
    der = subprocess.run(["openssl", "x509", "-in", file, "-pubkey", "-noout"], capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=der, capture_output=True, check=True).stdout
    digest = subprocess.run(["openssl", "dgst", "-sha256", "-binary"], input=der, capture_output=True, check=True).stdout
    return "sha256//" + base64.b64encode(digest).decode()


def test_another_ca_is_not_trusted(stage):
    tls_outcome(stage, ".*(certificate|issuer)", trust="other/ca.pem")


def test_another_name_is_not_trusted(stage):
    ports = Stage.kme_section
    stage.fresh()
    stage.new_link("bob", "alice", "bob")
    stage.config(ports(stage, "a", "alice", url=f"https://127.0.0.2:{stage.ports['a']}"), stage.link_section("bob", "a"))
    stage.start(wait=False)
    # 127.0.0.2 is this machine too, but not in the certificate; nothing listens there unless the KME does.
    stage.wait_log('link "bob": kme "a": status: ')
    check(not stage.links["bob"].outbound)


def test_a_pin_is_enough(stage):
    tls_outcome(stage, None, trust=None, pin=pin("kme-a.pem"))


def test_one_pin_of_several_is_enough(stage):
    tls_outcome(stage, None, trust=None, pin=pin("kme-b.pem") + ";" + pin("kme-a.pem"))


def test_another_pin_is_not_trusted(stage):
    tls_outcome(stage, ".*pinned", trust=None, pin=pin("kme-b.pem"))


def test_trust_does_not_make_up_for_a_pin(stage):
    tls_outcome(stage, ".*pinned", pin=pin("kme-b.pem"))


def test_a_pin_does_not_make_up_for_trust(stage):
    tls_outcome(stage, ".*(certificate|issuer)", pin=pin("kme-a.pem"), trust="other/ca.pem")


def test_a_client_certificate_of_another_ca_is_not_trusted(stage):
    tls_outcome(stage, "", certificate="other/alice.pem", private_key="other/alice.key")


def test_speaks_tls_1_3_when_told(stage):
    tls_outcome(stage, None, tls_min="1.3")


# ---- the process ----


def test_check_says_what_is_wrong(stage):
    program = os.path.join(stage.build, "qkdkmed")

    def outcome():
        done = subprocess.run((program, "--check", "-c", "qkdkmed.conf"), capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    configure(stage)
    check(outcome() == (0, "qkdkmed.conf: no mistakes found\n"), str(outcome()))
    configure(stage, a={"private_key": "alice.pem"})
    status, text = outcome()
    check(status == 1 and 'kme "a": "private-key": alice.pem: ' in text, text)
    configure(stage, high=0)
    status, text = outcome()
    check(status == 1 and '"high = 0": give a whole number from 1 to 1048576' in text, text)
    check(subprocess.run((program, "--colour"), capture_output=True, check=False).returncode == 2)
    check(subprocess.run((program, "extra"), capture_output=True, check=False).returncode == 2)
    done = subprocess.run((program, "--version"), capture_output=True, text=True, check=False)
    check(re.fullmatch(r"qkdkmed \d+\.\d+\.\d+\n", done.stdout), done.stdout)


def notified(stage, wanted):
    """Reads what the service manager is told until it is told this."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        text = stage.notify.recv(4096).decode()
        if wanted in text:
            return text
    raise Failure(f"the service manager is not told {wanted}")


def test_tells_the_service_manager(stage):
    stage.fresh()
    stage.new_link("bob", "alice", "bob")
    stage.config(stage.kme_section("a", "alice"), stage.link_section("bob", "a"))
    stage.start(notify=True)
    notified(stage, "READY=1")
    notified(stage, "WATCHDOG=1")
    notified(stage, "WATCHDOG=1")
    stage.daemon.send_signal(signal.SIGHUP)
    notified(stage, "RELOADING=1\nMONOTONIC_USEC=")
    notified(stage, "READY=1")
    stage.daemon.send_signal(signal.SIGTERM)
    notified(stage, "STOPPING=1")
    check(stage.stop() == 0, "exit status")


def readable_memory(pid):
    """The process's memory, in pieces, with nothing of files"""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            words = line.split()
            begin, end = (int(word, 16) for word in words[0].split("-"))
            if not words[1].startswith("rw") or end - begin > 1 << 28 or words[-1] in ("[vvar]", "[vsyscall]"):
                continue
            try:
                memory.seek(begin)
                yield memory.read(end - begin)
            except OSError:
                continue  # pages that are not there


def test_keeps_no_key_in_memory(stage):
    if os.geteuid():
        return "only root sees the daemon's memory"
    alice, bob = standard(stage)
    full(alice)
    keys = transfers(alice, bob, 12)
    keys += alice.outbound
    stage.ctl("fault", "a", "base64", "for=enc_keys", "times=1")
    alice.get(40)
    full(alice)
    time.sleep(1.2)  # a status or two have come over each connection
    forms = [form for _, key in keys for form in (key, base64.b64encode(key)[:40])]
    found, seen = 0, 0
    for piece in readable_memory(stage.daemon.pid):
        found += sum(form in piece for form in forms)
        seen += b"qkdkmed.conf" in piece
    check(seen, "the daemon's memory was not seen")
    check(not found, f"{found} of {len(forms)} keys are in the daemon's memory")
    return None


def test_is_closed_to_others(stage):
    with open(f"/proc/{stage.daemon.pid}/limits", encoding="ascii") as limits:
        check(re.search(r"^Max core file size +0 +0 ", limits.read(), re.M), "it may dump core")
    check(os.stat(f"/proc/{stage.daemon.pid}/environ").st_uid == 0, "it is dumpable")


def test_says_no_key_bytes(stage):
    """In any log of this run; keys of the last one are known."""
    keys = [key for link in stage.links.values() for _, key in link.outbound]
    keys += [key for link in stage.links.values() for key in link.inbound.values()]
    check(keys)
    text = ""
    for run_number in range(1, stage.runs + 1):
        with open(f"log.{run_number}", encoding="utf-8", errors="replace") as file:
            text += file.read()
    for key in keys:
        check(key.hex() not in text.lower() and base64.b64encode(key).decode()[:40] not in text, "a key is in the log")
    check(not re.search("[A-Za-z0-9+/]{43}=", text), "something like a key is in the log")
    check("ERROR: AddressSanitizer" not in text and "runtime error" not in text, "a sanitizer has found something")


def test_counts(stage):
    stage.daemon.send_signal(signal.SIGUSR1)
    stage.wait_log("link=bob outbound=")
    check(re.search(r"link=alice outbound=\d+ inbound=12 refused=0 dropped=0 requests=\d+ failures=0", stage.log()),
          "the counters")
    check(stage.stop() == 0, "exit status")


TESTS = (
    test_fills_the_pool_to_its_mark_in_batches,
    test_both_ends_have_the_same_keys,
    test_refills_when_the_kernel_is_low,
    test_ids_wanted_together_go_in_one_request,
    test_many_links_and_limits_per_request,
    test_get_where_one_will_do,
    test_unknown_keys_are_refused_with_enokey,
    test_spent_keys_are_refused_with_enokey,
    test_keys_of_others_are_refused_with_eacces,
    test_a_foreign_id_keeps_nobody_from_his_keys,
    test_an_unauthorised_sae_draws_nothing,
    test_ready_for_faults,
    *(outbound_fault(*row) for row in OUTBOUND_FAULTS),
    *(inbound_fault(*row) for row in INBOUND_FAULTS),
    *(status_fault(*row) for row in STATUS_FAULTS),
    test_who_nobody_waits_for_is_not_asked_for,
    test_a_complaint_is_made_once,
    test_tries_ever_later,
    test_goes_to_the_next_kme_and_back,
    test_a_kme_that_does_not_know_is_no_last_word,
    test_a_kme_that_is_away_may_have_the_key,
    test_death_of_all_kmes_is_reported_and_survived,
    test_an_empty_kme_still_answers_by_id,
    test_no_more_keys_than_there_is_room_for,
    test_a_link_that_goes_and_comes_is_fed_again,
    test_a_restarted_daemon_gets_what_is_still_wanted,
    test_a_second_daemon_waits_for_the_feed,
    test_reload_keeps_the_feeds,
    test_reload_ends_no_request,
    test_reload_of_a_bad_file_changes_nothing,
    test_reload_adds_and_removes_links,
    test_another_ca_is_not_trusted,
    test_another_name_is_not_trusted,
    test_a_pin_is_enough,
    test_one_pin_of_several_is_enough,
    test_another_pin_is_not_trusted,
    test_trust_does_not_make_up_for_a_pin,
    test_a_pin_does_not_make_up_for_trust,
    test_a_client_certificate_of_another_ca_is_not_trusted,
    test_speaks_tls_1_3_when_told,
    test_check_says_what_is_wrong,
    test_tells_the_service_manager,
    test_keeps_no_key_in_memory,
    test_is_closed_to_others,
    test_says_no_key_bytes,
    test_counts,
)

if __name__ == "__main__":
    only = sys.argv[2:]
    sys.exit(run(Stage(os.path.abspath(sys.argv[1])), [t for t in TESTS if not only or t.__name__ in only]))
