/**
 * `npm run audit`: known vulnerabilities of what production has. Fails only on a finding: a registry that does not
 * answer such questions (many mirrors do not) is no finding, and is said.
 */
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { root } from "./workspace.mjs"

/**
 * What `pnpm audit --json` printed, judged.
 *
 * @param {string} output
 * @returns {{ readonly answered: boolean, readonly findings: ReadonlyArray<string>, readonly why?: string }}
 */
export const judge = (output) => {
  /** @type {any} */
  let report
  try {
    report = JSON.parse(output.slice(output.indexOf("{")))
  } catch {
    return { answered: false, findings: [], why: "no report came" }
  }
  if (report.advisories === undefined || report.error !== undefined) {
    const [, status] = /responded with (\d{3})/.exec(report.error?.message ?? "") ?? []
    return { answered: false, findings: [], why: status ?? report.error?.code ?? "no report came" }
  }
  const findings = Object.values(report.advisories).map(
    ({ findings, module_name, severity, title, url }) =>
      `${severity}: ${module_name} ${findings?.[0]?.version ?? ""}: ${title} (${url})`
  )
  return { answered: true, findings }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  const args = ["exec", "--yes", `--package=${packageManager}`, "--", "pnpm", "audit", "--prod", "--json"]
  // The exit status says nothing: it is 1 for a finding as for a registry that does not answer.
  execFile("npm", args, { cwd: root, timeout: 120_000, maxBuffer: 64 * 1024 * 1024 }, (_, output) => {
    const { answered, findings, why } = judge(output)
    for (const finding of findings) console.error(finding)
    if (!answered)
      console.log(
        `NOT AUDITED: the registry does not answer such questions (${why}). Nothing is known, nothing has failed.`
      )
    else if (findings.length === 0) console.log("No known vulnerability in what production has.")
    process.exitCode = findings.length === 0 ? 0 : 1
  })
}
