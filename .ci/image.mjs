/**
 * Builds and runs the image without a Docker engine: every step of the Dockerfile, each stage in a root of its own.
 *
 * As root on Linux, in a mount and a process namespace that end with this program. A stage is an overlay over this
 * machine's own root with the running Node.js in it, which stands for the base image; `/offhook` is empty at first. The last stage
 * is then run as compose.yaml says: read-only but for `/tmp` and the volumes, as the image's user, without a capability,
 * without a way to new ones. Its health check must pass, its doctor must find it well but for the model, calls must leave
 * their recordings, SIGTERM must end it with 0.
 */
import assert from "node:assert/strict"
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs"
import { request } from "node:http"
import { tmpdir } from "node:os"
import { dirname, join, posix, relative } from "node:path"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { DockerfileParser } from "dockerfile-ast"
import { freePort } from "./port.mjs"

const repository = fileURLToPath(new URL("..", import.meta.url))
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
/** MB that the image adds to its base. */
const MOST = 100

const [, , work] = process.argv
if (work === undefined) {
  const work = mkdtempSync(join(tmpdir(), "offhook-image-"))
  const namespaces = ["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
  const { status } = spawnSync("unshare", [...namespaces, process.execPath, fileURLToPath(import.meta.url), work], {
    stdio: "inherit"
  })
  rmSync(work, { recursive: true, force: true })
  process.exit(status ?? 1)
}

const sh = (command, ...args) => execFileSync(command, args, { stdio: "inherit" })

/** A new stage: what the base image has is there, nothing of ours. */
const stageFrom = (image) => {
  assert.match(image, /^node:\d+\.\d+\.\d+-\w+-slim$/, "the base image is pinned by its version")
  const folder = mkdtempSync(join(work, "stage-"))
  const root = join(folder, "root")
  for (const name of ["upper", "work", "root"]) mkdirSync(join(folder, name))
  const layers = `lowerdir=/,upperdir=${join(folder, "upper")},workdir=${join(folder, "work")}`
  sh("mount", "-t", "overlay", "overlay", "-o", layers, root)
  sh("mount", "-t", "proc", "proc", join(root, "proc"))
  sh("mount", "--rbind", "/dev", join(root, "dev"))
  const node = join(root, "usr/local/bin/node")
  mkdirSync(dirname(node), { recursive: true })
  if (!existsSync(node)) writeFileSync(node, "")
  sh("mount", "--bind", process.execPath, node)
  // The base image's user and group.
  for (const [file, entry] of Object.entries({
    passwd: "node:x:1000:1000::/home/node:/bin/sh",
    group: "node:x:1000:"
  })) {
    const path = join(root, "etc", file)
    const others = readFileSync(path, "utf8")
      .split("\n")
      .filter((line) => line !== "" && !/^(node:|[^:]*:x:1000:)/.test(line))
    writeFileSync(path, `${[...others, entry].join("\n")}\n`)
  }
  return { root, env: { PATH, HOME: "/root" }, folder: "/", user: "0:0", volumes: [] }
}

/** The build's context: the repository without what `.dockerignore` names; the last line that matches decides. */
const contextOf = () => {
  const rules = readFileSync(join(repository, ".dockerignore"), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const glob = line
        .replace(/^!/, "")
        .replace(/[.+^$()|[\]{}]/g, "\\$&")
        .replaceAll("**/", "(?:.*/)?")
        .replace(/(?<![)?.])\*/g, "[^/]*")
      return { isKept: line.startsWith("!"), pattern: new RegExp(`^${glob}(?:/.*)?$`) }
    })
  const isIn = (path) => rules.reduce((kept, { isKept, pattern }) => (pattern.test(path) ? isKept : kept), true)
  const context = join(work, "context")
  cpSync(repository, context, {
    recursive: true,
    filter: (from) => from === repository || isIn(relative(repository, from))
  })
  return context
}

/** `COPY from… to`: a folder's contents, or a file. */
const copy = (stage, source, words) => {
  const to = words.at(-1) ?? ""
  const target = join(stage.root, posix.resolve(stage.folder, to))
  for (const word of words.slice(0, -1)) {
    const from = join(source, word)
    const isFolder = statSync(from).isDirectory()
    mkdirSync(isFolder || to.endsWith("/") ? target : dirname(target), { recursive: true })
    sh("cp", "-a", isFolder ? `${from}/.` : from, target)
  }
}

const inside = (stage, args, options = {}) =>
  spawn(
    "chroot",
    [
      stage.root,
      "sh",
      "-c",
      `cd "$0" && exec setpriv "$@"`,
      stage.folder,
      ...["--reuid", stage.user.split(":")[0], "--regid", stage.user.split(":")[1], "--clear-groups"],
      ...(stage.confined ? ["--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"] : []),
      ...args
    ],
    { env: { ...stage.env, ...options.env }, stdio: options.stdio ?? "inherit" }
  )

const done = async (child) => (await once(child, "exit"))[0]

const build = async () => {
  const context = contextOf()
  const stages = new Map()
  let stage
  for (const instruction of DockerfileParser.parse(
    readFileSync(join(repository, "Dockerfile"), "utf8")
  ).getInstructions()) {
    const keyword = instruction.getKeyword()
    const words = instruction.getArguments().map(String)
    console.log(`── ${keyword} ${words.join(" ").slice(0, 100)}`)
    switch (keyword) {
      case "FROM": {
        stage = stageFrom(words[0])
        if (words[1] === "AS") stages.set(words[2], stage)
        break
      }
      case "WORKDIR":
        stage.folder = posix.resolve(stage.folder, words[0])
        assert(!existsSync(join(stage.root, stage.folder)), `${stage.folder} is there before anything was done`)
        mkdirSync(join(stage.root, stage.folder), { recursive: true })
        break
      case "ENV":
        for (const property of instruction.getProperties()) stage.env[property.getName()] = property.getValue()
        break
      case "COPY": {
        const [flag] = instruction.getFlags().map(String)
        const from = flag?.replace("--from=", "")
        copy(stage, from === undefined ? context : stages.get(from).root, words)
        break
      }
      case "RUN":
        assert.equal(await done(inside(stage, ["sh", "-c", instruction.getArgumentsContent()])), 0)
        break
      case "USER":
        assert.match(words[0], /^[1-9]\d*:[1-9]\d*$/, "a user that anybody can see is not root")
        stage.user = words[0]
        break
      case "VOLUME":
        stage.volumes.push(...words)
        break
      case "HEALTHCHECK":
        stage.healthcheck = JSON.parse(/\bCMD\s+(\[[\s\S]*\])$/.exec(instruction.getRawArgumentsContent())[1])
        break
      case "CMD":
        stage.command = JSON.parse(instruction.getRawArgumentsContent())
        break
      case "EXPOSE":
        break
      default:
        throw new Error(`.ci/image.mjs does not know ${keyword}`)
    }
  }
  return stage
}

/** As `read_only`, `tmpfs`, `cap_drop`, `no-new-privileges` and a volume do. */
const confine = (stage) => {
  for (const volume of stage.volumes) {
    const kept = mkdtempSync(join(work, "volume-"))
    sh("cp", "-a", `${join(stage.root, volume)}/.`, kept)
    sh("chown", "--reference", join(stage.root, volume), kept)
    sh("chmod", "--reference", join(stage.root, volume), kept)
    sh("mount", "--bind", kept, join(stage.root, volume))
  }
  sh("mount", "-o", "remount,ro", stage.root)
  sh("mount", "-t", "tmpfs", "tmpfs", join(stage.root, "tmp"))
  return { ...stage, confined: true }
}

const post = async (port, path, form) => {
  const asked = request({ host: "127.0.0.1", port, path, method: "POST", agent: false })
  asked.setHeader("content-type", "application/x-www-form-urlencoded")
  asked.end(form)
  const [response] = await once(asked, "response")
  let body = ""
  for await (const chunk of response.setEncoding("utf8")) body += chunk
  return { status: response.statusCode, body }
}

const image = confine(await build())
const megabytes = Number(
  /^\d+/.exec(execFileSync("du", ["-sm", join(image.root, "offhook")], { encoding: "utf8" }))?.[0]
)
console.log(`── the image adds ${megabytes} MB to its base`)
assert(megabytes <= MOST, `at most ${MOST} MB`)
const found = execFileSync("find", [
  join(image.root, "offhook"),
  "-name",
  ".env*",
  "-o",
  "-name",
  "*.test.*",
  "-path",
  "*offhook/packages*"
])
assert.equal(String(found), "", "no secret and no test is in the image")

const bare = inside(image, image.command, { stdio: ["ignore", "ignore", "inherit"] })
assert.equal(await done(bare), 78, "without a configuration it says so and ends")

for (const path of ["/offhook/x", "/x", "/usr/local/x"])
  assert.notEqual(await done(inside(image, ["touch", path], { stdio: "ignore" })), 0, `${path} can be written`)

const port = await freePort()
const env = {
  HOST: "127.0.0.1",
  PORT: String(port),
  OFFHOOK_DRAIN_SECONDS: "1",
  OPENAI_API_KEY: "sk-none",
  OPENAI_REALTIME_URL: "ws://127.0.0.1:1/"
}
const server = inside(image, image.command, { env })
const ended = done(server)

const check = () => done(inside(image, image.healthcheck, { env: { PORT: String(port) }, stdio: "ignore" }))
const began = performance.now()
while ((await check()) !== 0) {
  assert.equal(server.exitCode, null, "the server ended by itself")
  assert(performance.now() - began < 30_000, "the health check does not pass")
  await setTimeout(200)
}
console.log(`── healthy after ${Math.round(performance.now() - began)} ms`)

const status = readFileSync(join(image.root, `proc/${server.pid}/status`), "utf8")
for (const line of [
  /^Uid:(\s+1000){4}$/m,
  /^Gid:(\s+1000){4}$/m,
  /^CapEff:\s+0+$/m,
  /^CapBnd:\s+0+$/m,
  /^NoNewPrivs:\s+1$/m
])
  assert.match(status, line)

const call = `CA${"0123456789abcdef".repeat(2)}`
const answer = await post(
  port,
  "/incoming-call",
  `CallSid=${call}&AccountSid=AC${"0".repeat(32)}&From=%2B15550001&To=%2B15550002`
)
assert.equal(answer.status, 200, answer.body)
assert.match(answer.body, /<Stream /)

// As docs/OPERATIONS.md says to examine a container.
const main = image.command.at(-1)
const examining = inside(image, ["node", "--import", "./scripts/tunnel-url.mjs", main, "doctor", "--json"], {
  env,
  stdio: ["ignore", "pipe", "inherit"]
})
let findings = ""
examining.stdout.setEncoding("utf8").on("data", (text) => {
  findings += text
})
assert.equal((await once(examining, "close"))[0], 1, "the doctor finds that the model is away")
const results = Object.fromEntries(JSON.parse(findings).map(({ check, result }) => [check, result]))
for (const check of ["port", "webhook", "TwiML", "upgrade"]) assert.equal(results[check], "ok", findings)
console.log("── examined by its own doctor")

server.kill("SIGTERM")
assert.equal(await ended, 0, "SIGTERM ends it with status 0")
const recordings = readdirSync(join(image.root, image.volumes[0]))
assert(recordings.includes(`${call}.jsonl`), "the call is recorded")
assert.equal(recordings.length, 2, "and the doctor's")
assert.notEqual(await check(), 0, "the health check fails once nothing answers")
console.log("── built, confined, healthy, recorded, ended")
