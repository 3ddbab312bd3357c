/**
 * Runs an ES module in a context that has the JavaScript language and nothing else: no Node.js, no web, no clock.
 *
 *   node --experimental-vm-modules bare-context.mjs <directory> < module.js
 *
 * Its relative imports are files of the directory. Its default export is the answer, a string.
 */
import { readFileSync } from "node:fs"
import { text } from "node:stream/consumers"
import { fileURLToPath, pathToFileURL } from "node:url"
import { createContext, runInContext, SourceTextModule } from "node:vm"

const directory = pathToFileURL(`${process.argv[2]}/`).href
const context = createContext({})
runInContext(
  "delete globalThis.console; delete globalThis.WebAssembly; delete globalThis.Date; delete Math.random",
  context
)

const modules = new Map()
const load = (specifier, from) => {
  if (!specifier.startsWith("./") && !specifier.startsWith("../")) throw new Error(`${from} imports ${specifier}`)
  const url = new URL(specifier, from).href
  if (!modules.has(url)) {
    const source = readFileSync(fileURLToPath(url), "utf8")
    modules.set(url, new SourceTextModule(source, { context, identifier: url }))
  }
  return modules.get(url)
}

const program = new SourceTextModule(await text(process.stdin), {
  context,
  identifier: new URL("program.js", directory).href
})
await program.link((specifier, importer) => load(specifier, importer.identifier))
await program.evaluate()
process.stdout.write(program.namespace.default)
