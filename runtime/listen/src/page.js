"use strict";
// How often it asks, seen and hidden: each question is a look at the cloud.
const EVERY_MS = 2000, HIDDEN_EVERY_MS = 15000;
// How long an answer may take: longer than the replica waits for a look.
const PATIENCE_MS = 8000;
// What turns text around would hide what it says.
const TURNS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

const at = (id) => document.getElementById(id);
const clean = (text) => String(text).replace(TURNS, "\ufffd");
let last = null;   // The last answer that came, and when.
let trouble = null; // Why none came since.

function make(tag, name, text) {
  const one = document.createElement(tag);
  if (name) one.className = name;
  if (text !== undefined && text !== null) one.textContent = clean(text);
  return one;
}

// Text in which a command stands between backticks.
function words(one, text) {
  clean(text).split("`").forEach((part, index) => one.append(index % 2 ? make("code", "", part) : part));
  return one;
}

function span(ms) {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const clock = (ms) => new Date(ms).toISOString().slice(11, 23);

// Replaces what stands in an element only where it differs: what a person has marked stays marked.
function fill(id, parts) {
  const now = at(id).childNodes;
  if (now.length === parts.length && parts.every((part, index) => part.isEqualNode(now[index]))) return;
  at(id).replaceChildren(...parts);
}

function card(member) {
  const box = make("div", `card ${member.whole ? "whole" : member.unknown ? "unknown" : "broken"}`);
  box.append(make("strong", "", member.member), words(make("p"), member.health));
  const line = (label, text) => {
    const row = make("p");
    row.append(make("span", "label", `${label}: `));
    box.append(words(row, text));
  };
  if (member.doing) line("now", member.doing);
  for (const wait of member.waits) line("waits", wait);
  if (member.failed) line("failed", member.failed);
  if (!member.doing && !member.waits.length && !member.whole && !member.unknown) line("now", "nothing was begun yet");
  return box;
}

function wrong({ seen, ill }) {
  const alarms = seen.alarms.map((text) => words(make("li", "urgent"), text));
  const note = (text) => alarms.push(words(make("li", "note"), text));
  if (ill) note(ill);
  for (const cause of seen.causes) note(cause);
  for (const wait of seen.waits) note(`Waits: ${wait}`);
  for (const stranger of seen.strangers) note(`A stranger: ${stranger}`);
  for (const resource of seen.resources) note(resource);
  fill("alarms", alarms);
  const open = seen.members.filter((member) => !member.whole || member.doing || member.waits.length || member.failed);
  open.sort((a, b) => a.whole - b.whole || a.unknown - b.unknown);
  fill("cards", open.map(card));
  at("what").textContent = seen.problem ? "What is wrong, and what Kit does about it" : "What Kit is finishing";
  at("wrong").hidden = alarms.length === 0 && open.length === 0;
}

function members(seen) {
  const names = ["member", "ip", "machine", "volume", "node", "health"];
  const table = make("table"), head = make("thead"), body = make("tbody"), titles = make("tr");
  for (const name of names) titles.append(make("th", "", name.toUpperCase()));
  head.append(titles);
  for (const member of seen.members) {
    const row = make("tr", member.whole ? "whole" : member.unknown ? "unknown" : "broken");
    for (const name of names) {
      const cell = make(name === "member" ? "th" : "td", name);
      if (name === "health") cell.append(make("span", "", member.health));
      else cell.textContent = clean(member[name]);
      if (["ip", "machine", "volume"].includes(name)) cell.classList.add("mono");
      if (name !== "member") cell.dataset.label = name.toUpperCase();
      row.append(cell);
    }
    body.append(row);
  }
  table.append(head, body);
  fill("members", seen.members.length ? [table] : [make("p", "soft", "None is asked for, and none is there.")]);
  at("left-out").textContent = seen.left_out ? `and ${seen.left_out} more that are whole` : "";
}

function facts(answer) {
  const seen = answer.seen, rows = [];
  const fact = (name, text) => {
    if (text === null || text === undefined) return;
    const row = make("div");
    row.append(make("dt", "", name), make("dd", "", text));
    rows.push(row);
  };
  fact("Whole", `${seen.whole} of ${seen.of}`);
  fact("Leader", seen.leader || "nobody");
  fact("Acted last", seen.holder);
  fact("Epoch", seen.epoch);
  fact("Revision", seen.revision);
  const own = answer.replicas.map((one) => `${one.member}${one.member === seen.leader ? ", leads" : ""}${one.goes_round ? "" : ", stands still"}`);
  fact(own.length === 1 ? "This replica" : "Replicas here", own.join("; ") || "none");
  fill("facts", rows);
}

function timeline(events) {
  fill("events", events.slice().reverse().map((event) => {
    const line = make("li", event.level);
    const time = make("time", "", clock(event.wall_ms));
    time.dateTime = new Date(event.wall_ms).toISOString();
    const about = event.address && event.address !== event.replica ? `${event.address}: ` : "";
    const code = event.code ? ` [${event.code}]` : "";
    line.append(time, make("span", "", event.replica || "kitc"), make("span", "kind", event.kind),
      words(make("span", "what"), about + event.message + code));
    return line;
  }));
  at("no-events").hidden = events.length > 0;
}

// What stands above all: that what is shown is not how it is now.
function doubt() {
  if (trouble && !last) return `The replica does not answer (${trouble}). Nothing was seen yet.`;
  if (trouble) return `The connection to the replica is lost (${trouble}). What stands here is ${span(age())} old.`;
  if (!last) return null;
  const { answer } = last;
  if (answer.failed) return `This replica cannot see the cluster: ${answer.failed}.${answer.seen ? ` What stands here is ${span(age())} old.` : ""}`;
  if (answer.seen && age() > answer.old_after_ms) return `What stands here is ${span(age())} old: a look at the cluster takes so long.`;
  return null;
}

const age = () => (last.answer.seen ? last.answer.seen.age_ms : 0) + performance.now() - last.came;

function tab(kind, text) {
  const colors = { good: "%2316793a", working: "%23c77700", bad: "%23d03028", waiting: "%23808890" };
  const shape = kind === "bad" ? "<rect x='2' y='2' width='12' height='12' rx='2'" : "<circle cx='8' cy='8' r='6'";
  document.querySelector("link[rel=icon]").href =
    `data:image/svg+xml,<svg xmlns='http:%2F%2Fwww.w3.org/2000/svg' viewBox='0 0 16 16'>${shape} fill='${colors[kind]}'/></svg>`;
  if (document.title !== text) document.title = text;
}

// Each second, whether something came or not: ages grow.
function tell() {
  const why = doubt();
  at("lost").hidden = !why;
  if (why && at("lost").textContent !== clean(why)) at("lost").textContent = clean(why);
  document.body.classList.toggle("stale", Boolean(why) && Boolean(last && last.answer.seen));
  const seen = last && last.answer.seen;
  at("age").textContent = seen ? `seen ${span(age())} ago${seen.via ? ` through ${clean(seen.via)}` : ""}` : "";
  const name = last ? clean(last.answer.cluster) : "Kit";
  if (why) tab("waiting", `? ${name}: ${trouble ? "connection lost" : "not seen"}`);
  else if (seen) tab(seen.problem ? "bad" : seen.converged ? "good" : "working", `${seen.problem ? "✕" : seen.converged ? "✓" : "…"} ${name}: ${clean(seen.state)}`);
}

function show(answer) {
  at("cluster").textContent = `cluster ${clean(answer.cluster)}`;
  if (answer.seen) {
    const seen = answer.seen;
    document.body.className = seen.problem ? "bad" : seen.converged ? "good" : "working";
    at("state").textContent = clean(seen.state);
    at("leadership").textContent = clean(seen.leadership);
    wrong(answer);
    facts(answer);
    members(seen);
  }
  timeline(answer.events);
}

async function ask() {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), PATIENCE_MS);
  try {
    const response = await fetch("/live.json", { signal: stop.signal, cache: "no-store" });
    if (!response.ok) throw new Error(`it answers ${response.status}`);
    const answer = await response.json();
    last = { answer, came: performance.now() };
    trouble = null;
    show(answer);
  } catch (error) {
    trouble = stop.signal.aborted ? `no answer within ${PATIENCE_MS / 1000} s`
      : error instanceof TypeError ? "nobody listens there" : error.message;
  } finally {
    clearTimeout(timer);
  }
  tell();
  setTimeout(ask, document.hidden ? HIDDEN_EVERY_MS : EVERY_MS);
}

setInterval(tell, 1000);
ask();
