// The contract's imports, which only a component has.

import counters from "callboard:step/counters";
import http from "callboard:step/http";
import log from "callboard:step/log";
import { connect, console } from "../src/host.ts";
import { sendBy } from "../src/http.ts";

globalThis.console = console;

/** Called first in each export: a snapshot of the step's modules is taken before there is a host. */
export const connected = () => (sendBy(http), connect({ log: log.write, count: counters.add }));
