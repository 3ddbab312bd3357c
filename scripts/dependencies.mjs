/**
 * `node scripts/dependencies.mjs`, a part of `npm run check`: docs/DEPENDENCIES.md names every dependency of the
 * workspace with its reason, and no other; everything installed for production has a licence that we allow.
 */
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { root } from "./workspace.mjs"

/** @typedef {Readonly<Record<"atRunTime" | "inDevelopment", ReadonlyArray<string>>>} Direct names, sorted */
/** @typedef {{ readonly name: string, readonly licence: string, readonly onThisPlatformOnly: boolean }} Installed */

/** Permissive licences: they ask for a notice at most. */
export const allowed = ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"]

/** The sections of docs/DEPENDENCIES.md whose tables are kept by hand. */
const sections = /** @type {const} */ ({ atRunTime: "At run time", inDevelopment: "In development" })

/**
 * What the packages of the workspace ask for, except each other. What is needed at run time anywhere counts as that.
 *
 * @returns {Direct}
 */
export const direct = () => {
  const manifests = ["", "bench", "examples", ...published()].map((path) => manifestOf(join(root, path)))
  /** @param {"dependencies" | "devDependencies"} kind */
  const names = (kind) => new Set(manifests.flatMap((manifest) => Object.keys(manifest[kind] ?? {})).filter(isForeign))
  const atRunTime = names("dependencies")
  return {
    atRunTime: [...atRunTime].sort(),
    inDevelopment: [...names("devDependencies")].filter((name) => !atRunTime.has(name)).sort()
  }
}

/**
 * Everything that production has: what our packages depend on, what that depends on, and so on, as it is installed.
 * Optional and peer dependencies count where they are there.
 *
 * @returns {ReadonlyArray<Installed>} sorted by name, each name and licence once
 */
export const installed = () => {
  /** @type {Map<string, Record<string, any>>} */
  const seen = new Map()
  /** @param {string} path */
  const visit = (path) => {
    const real = realpathSync(path)
    if (seen.has(real)) return
    const manifest = manifestOf(real)
    seen.set(real, manifest)
    const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = manifest
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
      const found = resolve(real, name)
      if (found !== undefined) visit(found)
      else if (name in dependencies && !(name in optionalDependencies))
        throw new Error(`${name}, which ${manifest["name"]} needs, is not installed`)
    }
  }
  for (const path of published()) visit(join(root, path))
  const packages = [...seen.values()].filter(({ name }) => isForeign(name)).map(licensed)
  return [...new Map(packages.map((one) => [`${one.name} ${one.licence}`, one])).values()].sort((one, other) =>
    one.name < other.name ? -1 : 1
  )
}

/**
 * @param {string} document docs/DEPENDENCIES.md
 * @param {Direct} direct
 * @param {ReadonlyArray<Installed>} installed
 * @returns {ReadonlyArray<string>} what is wrong, each with what to do
 */
export const problems = (document, direct, installed) => [
  ...Object.entries(sections).flatMap(([key, heading]) => {
    const wanted = direct[/** @type {keyof Direct} */ (key)]
    const rows = [...(sectionOf(document, heading) ?? "").matchAll(/^\| `([^`]+)` \|(.*)\|$/gm)]
    const told = rows.map(([, name = ""]) => name)
    return [
      ...wanted.filter((name) => !told.includes(name)).map((name) => `${name} is not told of under “${heading}”`),
      ...told.filter((name) => !wanted.includes(name)).map((name) => `${name} is not a dependency “${heading}”`),
      ...told.filter((name, at) => told.indexOf(name) < at).map((name) => `${name} is told of twice`),
      ...rows.filter(([, , why = ""]) => why.trim() === "").map(([, name]) => `${name} is there without a reason`)
    ]
  }),
  ...installed
    .filter(({ licence }) => !isAllowed(licence))
    .map(({ licence, name }) => `${name} has the licence ${licence}, which scripts/dependencies.mjs does not allow`)
]

/**
 * An SPDX expression: one of its alternatives must hold, and of that every part.
 *
 * @param {string} licence
 */
const isAllowed = (licence) =>
  licence
    .replace(/[()]/g, "")
    .split(" OR ")
    .some((choice) => choice.split(" AND ").every((part) => allowed.includes(part.trim())))

/**
 * @param {string} document
 * @param {string} heading
 */
const sectionOf = (document, heading) => document.split(/^## /m).find((section) => section.startsWith(`${heading}\n`))

const published = () =>
  readdirSync(join(root, "packages"))
    .map((name) => join("packages", name))
    .filter((path) => existsSync(join(root, path, "package.json")))

/** @param {string} name */
const isForeign = (name) => !name.startsWith("@offhook/")

/**
 * @param {string} folder
 * @returns {Record<string, any>}
 */
const manifestOf = (folder) => JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))

/**
 * @param {Record<string, any>} manifest
 * @returns {Installed}
 */
const licensed = ({ cpu, license, licenses, name, os }) => ({
  name,
  licence: license?.type ?? license ?? licenses?.map((/** @type {any} */ one) => one.type).join(" OR ") ?? "none",
  onThisPlatformOnly: os !== undefined || cpu !== undefined
})

/**
 * As Node.js finds a package.
 *
 * @param {string} from
 * @param {string} name
 */
const resolve = (from, name) => {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", name)
    if (existsSync(join(candidate, "package.json"))) return candidate
    if (folder === dirname(folder)) return undefined
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const document = readFileSync(join(root, "docs/DEPENDENCIES.md"), "utf8")
  const packages = installed()
  const found = problems(document, direct(), packages)
  for (const problem of found) console.error(problem)
  if (found.length > 0) process.exit(1)
  console.log(`${packages.length} packages in production, all told of and with a licence that is allowed`)
}
