#!/usr/bin/env node
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Cli from "./Cli.ts"

NodeRuntime.runMain(Cli.main(process.argv), Cli.runOptions)
