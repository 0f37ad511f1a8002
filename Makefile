# SPDX-License-Identifier: GPL-2.0-or-later
#
# See `make help`. Everything is built under build/; caches live outside the checkout ($QKD_CACHE).

PREFIX ?= /usr/local
KDIR ?= /lib/modules/$(shell uname -r)/build

all: user

help:
	@echo 'make demo             set up all, boot a VM, show a kTLS connection that carries a QKD key'
	@echo 'make check            set up all, run every test; ends in "N passed, N failed, N skipped"'
	@echo 'make demo-two-sites   the same with a VM for each site, and keys from SOURCE=sim|pci|kme'
	@echo 'make check-two-sites  two VMs, all three sources: what goes wrong in the midst of transfers [SERIES=6.12]'
	@echo 'make check-debug      kernel and end-to-end tests with KASAN, lockdep, kmemleak (builds a kernel the first time)'
	@echo 'make torture          many threads use links that go under them, in the debug kernel: TIME=SECONDS [SERIES=6.12]'
	@echo 'make bench-handshake  what a handshake with a QKD key costs beside libssl without one, in the Debian 13 root'
	@echo 'make bench-keys       what taking a key from the kernel costs beside getrandom(2), in a VM'
	@echo 'make bench-kme        what qkdkmed adds to the time that its KME takes, and a key to a handshake, natively and in a VM'
	@echo 'make bench-sealed     what it costs that the kernel has the key schedule, and that keys of kTLS change, in a VM'
	@echo 'make bench-proxy      what qkdtlsd costs beside stunnel, HAProxy and plain kTLS, natively and in VMs'
	@echo 'make prove            have CBMC prove message parsers free of undefined behaviour (a part of check)'
	@echo 'make fuzz             attack everything that reads foreign bytes: TIME=SECONDS for each target [TARGET=fuzz_...]'
	@echo 'make user             build libraries and programs with this machine'"'"'s libraries'
	@echo 'make modules          build qkd.ko, qkd_sim.ko and qkd_pci.ko for KDIR ($(KDIR))'
	@echo 'make modules_install  install them (then: depmod, modprobe qkd_sim demo=1)'
	@echo 'make install          install programs, libraries, headers, man pages, udev rule, users, units (DESTDIR, PREFIX)'
	@echo 'make clean            remove build/'

user:
	$(MAKE) -C user all

modules modules_install:
	$(MAKE) -C $(KDIR) M=$(CURDIR) $@

check:
	selftests/run.sh

check-debug:
	selftests/run.sh kmod-debug e2e-debug two-sites-debug

check-two-sites:
	selftests/run.sh two-sites-$(or $(SERIES),6.12)

torture:
	TORTURE_TIME=$(TIME) selftests/run.sh torture-$(or $(SERIES),debug)

bench-handshake:
	tools/testbed/enter $(MAKE) -C user O=$(CURDIR)/build/bench bench-handshake

bench-keys:
	tools/bench/keys

bench-kme:
	tools/bench/kme

bench-sealed:
	tools/bench/sealed

bench-proxy:
	tools/bench/proxy

prove:
	selftests/run.sh prove

TIME ?= 60

fuzz:
	tools/testbed/enter $(MAKE) -C user O=$(CURDIR)/build/fuzz FUZZ=1 fuzzers
	tools/testbed/enter selftests/fuzz/run.sh $(CURDIR)/build/fuzz $(TIME) $(TARGET)

demo:
	tools/demo/run

demo-two-sites:
	tools/two-sites/demo $(SOURCE)

install:
	$(MAKE) -C user install PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)
	for page in Documentation/man/*; do \
		install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man$${page##*.} $$page; \
	done
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/udev/rules.d packaging/60-qkd.rules
	install -D -m 644 packaging/qkd.sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/qkd.conf
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	for unit in qkdtlsd qkdkmed; do \
		sed 's|/usr/sbin/|$(PREFIX)/sbin/|' packaging/$$unit.service \
			>$(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit.service; \
	done

clean:
	rm -rf build

.PHONY: all help user modules modules_install check check-debug check-two-sites torture bench-handshake bench-keys bench-kme bench-sealed bench-proxy prove fuzz demo demo-two-sites install clean
