/** What a campaign found, for a person: what callers experienced, what broke and how to see it again, how fast it was. */

import { type Campaign, Distribution, Invariants, type Threads } from "@offhook/simulator"
import type * as Screen from "./Screen.ts"

export interface Run {
  readonly seed: string
  readonly wanted: number
  readonly threads: number
  readonly seconds: number
  readonly cpuSeconds: number
  /** Options that chose the calls, as they were given. */
  readonly flags: ReadonlyArray<string>
}

/** `kept`: what is left of the first call that broke each. */
export const show = (
  screen: Screen.Screen,
  tally: Campaign.Tally,
  kept: ReadonlyMap<Invariants.Invariant, Threads.Small>,
  run: Run
): void => {
  if (tally.calls > 0) {
    screen.heading("What callers experienced")
    for (const [label, text] of experienced(tally)) screen.row(label, text)
  }
  screen.heading("What broke")
  if (tally.calls === 0) {
    screen.text("No call was played.", 2)
  } else if (tally.failed === 0) {
    const sentences = Object.keys(Invariants.invariants).length
    screen.text(`Nothing: ${sentences} sentences held in ${inAll(tally.calls)}.`, 2)
  } else {
    screen.text(`${plural(tally.failed, "call")} of ${number(tally.calls)}.`, 2)
    for (const [invariant, { calls, first }] of [...tally.broken].sort(([, a], [, b]) => b.calls - a.calls)) {
      screen.text("")
      screen.text(`${invariant}: ${Invariants.invariants[invariant]}`, 2)
      screen.text(`${plural(calls, "call")}, the first is number ${first.index}: ${at(first.at)}, ${first.detail}`, 4)
      screen.text(["npm run simulate --", ...callFlags(run, first.index).map(typed)].join(" "), 4)
      const small = kept.get(invariant)
      if (small === undefined) continue
      screen.text(`As small as it could be made, a call of ${at(small.callMs)}: ${small.broken.detail}`, 4)
      screen.text(`npm run simulate -- --again ${small.file}`, 4)
    }
  }
  screen.heading("The run")
  for (const [label, text] of played(tally, run)) screen.row(label, text)
}

/** One call: how it went, and everything that broke. */
export const showOne = (
  screen: Screen.Screen,
  title: string,
  { callMs, experience }: Campaign.Tally,
  broken: ReadonlyArray<Invariants.Broken>
): void => {
  const { outcomes, turns } = experience
  screen.text(
    `${title}: ${[...outcomes.keys()][0] ?? "not ended"} after ${at(callMs)}, ` +
      `${plural(turns.caller, "turn")} of the caller, ${number(turns.agent)} of the agent: ` +
      (broken.length === 0 ? "nothing broke." : "broken.")
  )
  for (const { at: when, detail, invariant } of broken.slice(0, mostTold)) {
    screen.text(`${at(when)} ${Invariants.invariants[invariant]}`, 2)
    screen.text(`${invariant}: ${detail}`, 4)
  }
  if (broken.length > mostTold) screen.text(`and ${number(broken.length - mostTold)} more`, 2)
}

const mostTold = 10

/** One line while calls are still played. */
export const progress = (tally: Campaign.Tally, wanted: number, seconds: number): string => {
  const perSecond = seconds === 0 ? 0 : tally.callMs / 1000 / seconds
  const left = tally.calls === 0 ? null : (seconds / tally.calls) * (wanted - tally.calls)
  return [
    `${number(tally.calls)} of ${plural(wanted, "call")}`,
    `${number(Math.round(perSecond))} times as fast as real`,
    tally.failed === 0 ? "nothing broke" : `${number(tally.failed)} broke`,
    ...(left === null ? [] : [`${clock(left)} left`])
  ].join(", ")
}

/** The options that play one call of a run again. */
const callFlags = ({ flags, seed }: Pick<Run, "flags" | "seed">, index: number): ReadonlyArray<string> => [
  "--seed",
  seed,
  "--call",
  String(index),
  ...flags
]

/** As a shell takes it for one word. */
const typed = (word: string): string => (/^[\w./:@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)

type Row = readonly [label: string, text: string]

const experienced = ({ calls, experience }: Campaign.Tally): ReadonlyArray<Row> => {
  const { cutErrors, deadAir, interruptions, outcomes, reactions, resumeErrors, turns, unanswered } = experience
  const open = [...unanswered.values()].reduce((sum, some) => sum + some, 0)
  return [
    ["first word", times(reactions.greeting)],
    ["answers", times(reactions.answer)],
    ["silence", `${times(reactions.interruption)}, after the caller interrupted`],
    [
      "cut off",
      `${number(interruptions.made)} times; what the model then believes was heard is off by ${exactly(cutErrors)}. ` +
        `${plural(interruptions.asides, "sound")} interrupted nothing`
    ],
    ...(interruptions.pauses === 0
      ? []
      : ([
          [
            "paused",
            `${number(interruptions.pauses)} times to decide, and went on ${number(interruptions.resumed)} times: ` +
              `lost or repeated then ${exactly(resumeErrors)}`
          ]
        ] as const)),
    ["dead air", `${times(deadAir)}, in a call`],
    [
      "turns",
      `${number(turns.caller)} of the caller (${(turns.caller / Math.max(1, calls)).toFixed(1)} a call): ` +
        `${number(turns.answered)} answered` +
        (open === 0 ? "" : `; ${number(open)} not: ${most(unanswered)}`)
    ],
    ["ended", most(outcomes)]
  ]
}

const played = (tally: Campaign.Tally, { cpuSeconds, seconds, seed, threads, wanted }: Run): ReadonlyArray<Row> => {
  const callSeconds = tally.callMs / 1000
  return [
    ["seed", seed],
    [
      "calls",
      `${number(tally.calls)}${tally.calls < wanted ? ` of ${number(wanted)}` : ""}, ` +
        `${(callSeconds / 3600).toFixed(1)} hours of call, ${(callSeconds / Math.max(1, tally.calls)).toFixed(1)} s on average; ` +
        `${number(tally.long.tenMinutes)} over ten minutes, ${number(tally.long.hour)} over an hour`
    ],
    [
      "speed",
      `${clock(seconds)} on ${plural(threads, "thread")}: ${number(Math.round(callSeconds / seconds))} seconds of call ` +
        `a second, ${number(Math.round(callSeconds / cpuSeconds))} a second of processor time`
    ]
  ]
}

/** "0.71 s median, 1.02 s 95th percentile, 3.40 s worst". */
const times = (distribution: Distribution.Distribution): string => {
  const of = (share: number) => Distribution.quantile(distribution, share)
  const [median, most, worst] = [of(0.5), of(0.95), of(1)]
  if (median === null || most === null || worst === null) return "none"
  return `${at(median)} median, ${at(most)} 95th percentile, ${at(worst)} worst`
}

/** Of small times: "1.4 ms median, 5.5 ms 95th percentile, 9.8 ms worst". */
const exactly = (distribution: Distribution.Distribution): string => {
  const [median, most, worst] = [0.5, 0.95, 1].map((share) => Distribution.quantile(distribution, share)?.toFixed(1))
  return median === undefined ? "nothing" : `${median} ms median, ${most} ms 95th percentile, ${worst} ms worst`
}

const most = (counts: ReadonlyMap<string, number>): string =>
  [...counts]
    .sort(([a, some], [b, others]) => others - some || (a < b ? -1 : 1))
    .map(([what, count]) => `${number(count)} ${what}`)
    .join(", ")

const inAll = (calls: number): string => (calls === 1 ? "this call" : `each of ${number(calls)} calls`)

const at = (ms: number): string => `${(ms / 1000).toFixed(2)} s`

/** Of seconds: "0:58". */
const clock = (seconds: number): string => {
  const whole = Math.ceil(seconds)
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`
}

const number = (value: number): string => value.toLocaleString("en-US")

export const plural = (count: number, noun: string): string => `${number(count)} ${noun}${count === 1 ? "" : "s"}`
