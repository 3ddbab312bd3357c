import { assert, describe, it } from "vitest"
import * as TwiML from "../../src/twilio/TwiML.ts"

const document = (verbs: string): string => `<?xml version="1.0" encoding="UTF-8"?><Response>${verbs}</Response>`

describe("TwiML", () => {
  it("connects the call to a stream and never ends in silence", () => {
    assert.strictEqual(
      TwiML.connectStream({ streamUrl: "wss://voice.example.com/media-stream", parameters: { token: "abc" } }),
      document(
        '<Connect><Stream url="wss://voice.example.com/media-stream"><Parameter name="token" value="abc"/></Stream></Connect>' +
          `<Say>${TwiML.defaultTail.text}</Say><Hangup/>`
      )
    )
  })

  it("speaks before and after in the words it is given", () => {
    assert.strictEqual(
      TwiML.connectStream({
        streamUrl: "wss://voice.example.com/media-stream",
        parameters: {},
        say: { text: "Einen Moment bitte.", language: "de-DE", voice: "Polly.Vicki-Neural" },
        tail: { text: "Auf Wiederhören.", language: "de-DE" }
      }),
      document(
        '<Say language="de-DE" voice="Polly.Vicki-Neural">Einen Moment bitte.</Say>' +
          '<Connect><Stream url="wss://voice.example.com/media-stream"></Stream></Connect>' +
          '<Say language="de-DE">Auf Wiederhören.</Say><Hangup/>'
      )
    )
  })

  it("sends a call elsewhere without answering it", () => {
    assert.strictEqual(
      TwiML.redirect("https://b.example/call?x=1&y=2"),
      document('<Pause length="1"/><Redirect method="POST">https://b.example/call?x=1&amp;y=2</Redirect>')
    )
  })

  it("escapes text and attributes and drops what XML cannot hold", () => {
    assert.strictEqual(
      TwiML.say({ text: `<Dial>&"'\u0000\u0007\ud800\ufffe\uffff\n\u{1f600}`, voice: `"><Dial>\t\r` }),
      document(
        '<Say voice="&quot;&gt;&lt;Dial&gt;&#9;&#13;">&lt;Dial&gt;&amp;&quot;&apos;&#10;\u{1f600}</Say><Hangup/>'
      )
    )
    assert.strictEqual(
      TwiML.connectStream({ streamUrl: "wss://a/b", parameters: { '<"': "&'" } }).includes(
        '<Parameter name="&lt;&quot;" value="&amp;&apos;"/>'
      ),
      true
    )
  })

  it("refuses a call", () => {
    assert.strictEqual(TwiML.reject("busy"), document('<Reject reason="busy"/>'))
    assert.strictEqual(TwiML.reject("rejected"), document('<Reject reason="rejected"/>'))
  })

  it("knows what Twilio would refuse or lose", () => {
    const sound = { streamUrl: "wss://voice.example.com/media-stream", parameters: { token: "x".repeat(494) } }
    assert.deepStrictEqual(TwiML.problems(sound), [])
    assert.deepStrictEqual(TwiML.problems({ ...sound, streamUrl: "ws://127.0.0.1:5050/media-stream" }), [])
    assert.deepStrictEqual(TwiML.problems({ ...sound, parameters: { token: "x".repeat(495) } }), [
      'parameters: name and value of "token" must stay under 500 characters'
    ])
    assert.deepStrictEqual(TwiML.problems({ ...sound, streamUrl: "https://voice.example.com/?token=1" }), [
      "streamUrl: must begin with wss:// (ws:// for loopback)",
      "streamUrl: must have no query string: use parameters"
    ])
  })
})
