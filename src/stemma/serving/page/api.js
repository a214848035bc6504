// Asks the server: one place for the key, for errors and for streams.

import { memory } from "./dom.js";

/** What went wrong, in words for people. */
export class Failure extends Error {
  constructor(message) {
    const begun = message[0].toUpperCase() + message.slice(1);
    super(/[.!?]$/.test(begun) ? begun : `${begun}.`);
  }
}

let askForKey = async () => false;

/** Say how a key is asked for: a function that returns whether one was given. */
export function onMissingKey(ask) {
  askForKey = ask;
}

let asking = null; // two requests at once ask once

async function hasNewKey(used) {
  if (memory.get("key") !== used) return true;
  asking ??= askForKey(used !== null).finally(() => { asking = null; });
  return asking;
}

async function request(path, options = {}) {
  for (;;) {
    const key = memory.get("key");
    const headers = { ...options.headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) };
    let response;
    try {
      response = await fetch(path, { ...options, headers });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Failure("The server cannot be reached. Is `stemma serve` still running?");
    }
    if (response.ok) return response;
    if (response.status === 401 && await hasNewKey(key)) continue;
    throw await failureOf(response);
  }
}

async function failureOf(response) {
  const told = await response.json().catch(() => ({}));
  const words = told.error?.message || `the server answered ${response.status} ${response.statusText}`;
  const wait = response.headers.get("Retry-After");
  return new Failure(wait ? `${words}: try again in ${wait} s` : words);
}

/** Return what the server answers to a GET. */
export async function get(path) {
  return (await request(path)).json();
}

/** Return what the server answers to a body, and the version that answered. */
export async function post(path, body, signal) {
  const response = await request(path, posted(body, signal));
  return { version: response.headers.get("X-Stemma-Version"), answer: await response.json() };
}

function posted(body, signal) {
  const headers = { "Content-Type": "application/json" };
  return { method: "POST", body: JSON.stringify(body), headers, signal };
}

/** Yield the version that answers, then the chunks of its answer as OpenAI streams them. */
export async function* stream(path, body, signal) {
  const asked = { ...body, stream: true, stream_options: { include_usage: true } };
  const response = await request(path, posted(asked, signal));
  yield { version: response.headers.get("X-Stemma-Version") };
  let isWhole = false;
  try {
    for await (const data of events(response.body)) {
      isWhole = data === "[DONE]";
      if (isWhole) return;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new Failure(chunk.error.message ?? "the server failed in the answer");
      yield chunk;
    }
  } catch (error) {
    if (error instanceof TypeError) throw new Failure("The connection broke off in the answer.");
    throw error;
  }
  if (!isWhole) throw new Failure("The answer broke off before its end.");
}

/** Yield the data of each server-sent event. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "", data = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split(/\r\n|\n/);
      rest = lines.pop();
      for (const line of lines) {
        if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
        else if (line === "" && data.length) {
          yield data.join("\n");
          data = [];
        }
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
