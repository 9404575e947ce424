// The page of X-ray.  It reads records, a JSON object each: a head, then what the taps saw.  They
// come from a WebSocket, or stand in this file.  Every text in them was sent by somebody: it only
// ever becomes a text node.
const $ = (id) => document.getElementById(id);
const there = (value) => value !== null && value !== undefined && value !== false;
function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) if (there(value)) element.setAttribute(name, value);
  element.append(...children.filter(there));
  return element;
}
const el = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
function sized(element, property, share) {
  element.style[property] = `${(Math.min(Math.max(share, 0), 1) * 100).toFixed(2)}%`;
  return element;
}

// -- what has been read --
const PARTS = ["protocol", "middleware", "route", "hooks", "view", "app", "receive", "send"];
const WIRE = new Set(["net.recv", "net.write"]);
const KEPT = 100_000; // records; then the older half goes
const trace = { head: {}, code: {}, records: [], bySeq: new Map(), requests: new Map(), conns: new Map(), dropped: 0 };
const state = { request: null, record: null, view: "ladder", level: 3, dir: "in", from: null, filter: "", follow: true, stepping: false };
class Request {
  constructor(id) { Object.assign(this, { id, own: [], spans: new Map(), size: -1 }); }

  add(record) {
    this.own.push(record);
    this.conn ??= record.conn;
    this.stream ??= record.stream;
    if (record.ph === "B") this.spans.set(record.span, { begin: record, inner: 0 });
    const span = record.ph === "E" && this.spans.get(record.span);
    if (!span) return;
    span.end = record;
    const outer = this.spans.get(record.parent);
    if (outer) outer.inner += record.t - span.begin.t;
  }
  /** What the records come to; worked out anew only when there are more of them. */
  get sum() {
    if (this.size !== this.own.length) Object.assign(this, { size: this.own.length, cached: this.summed() });
    return this.cached;
  }

  summed() {
    const first = (test) => this.own.find(test)?.data ?? {}, spans = [...this.spans.values()];
    const app = first((r) => r.name === "asgi.app"), socket = app.type === "websocket";
    const asked = app.at ? app : first((r) => r.dir === "in" && r.data.method);
    const fields = first((r) => r.dir === "in" && r.name === "h2.event" && r.data.headers).headers ?? [];
    const field = (name) => fields.find(([known]) => known === name)?.[1];
    const wrong = this.own.map((r) => anomaly(r, this.spans.get(r.span)?.begin))
      .find((words) => words && !(socket && /cancelled|ClientDisconnected/.test(words)));
    const began = this.own[0].t, ended = this.own.at(-1).t, parts = Object.fromEntries(PARTS.map((name) => [name, 0]));
    const apps = spans.filter((span) => span.begin.name === "asgi.app");
    for (const { begin, end, inner } of spans)
      parts[partOf(begin, apps)] += Math.max((end ? end.t - begin.t : 0) - inner, 0);
    if (apps.length) {
      parts.protocol += apps[0].begin.t - began;
      parts.send += Math.max(ended - (apps[0].end?.t ?? ended), 0);
    }
    return {
      method: socket ? "WS" : asked.method ?? field(":method") ?? "–", target: asked.target ?? field(":path") ?? "",
      status: first((r) => r.dir === "out" && (r.data.status >= 200 || r.data.status === 101)).status,
      protocol: `HTTP/${asked.http_version ?? asked.version ?? (this.stream ? "2" : "?")}`,
      wrong, began, ended, parts, app, took: ended - began, open: Boolean(apps.length && !apps[0].end),
    };
  }

  /** Its records, and those of the connection that belong to it: reads, writes, the beginning. */
  get records() {
    const conn = trace.conns.get(this.conn), ranges = { in: [], out: [] }, { ended } = this.sum;
    if (!conn) return this.own;
    for (const { dir, bytes } of this.own) if (dir && bytes) ranges[dir].push(bytes);
    const isFirst = conn.records.find((record) => record.req)?.req === this.id;
    const overlaps = ({ dir, bytes: [at, size] }) => ranges[dir].some(([from, length]) => from < at + size && at < from + length);
    const around = (record) => WIRE.has(record.name) ? overlaps(record) : isFirst && record.t <= ended;
    return [...this.own, ...conn.records.filter((r) => !r.req && around(r))].sort((a, b) => a.seq - b.seq);
  }
}

function partOf(begin, apps) {
  const { name, data } = begin, outer = apps[0]?.begin.data.at ?? data.at;
  if (name === "asgi.app") return begin === apps.at(-1).begin ? "app" : "middleware";
  if (name === "asgi.receive" || name === "asgi.send") return data.at === outer ? name.slice(5) : "middleware";
  if (name === "user.call") return data.kind === "view" ? "view" : "hooks";
  return name === "route.match" ? "route" : name.startsWith("h2.") ? "send" : "app";
}

function anomaly({ name, data, dir, src }, begin) {
  const all = { ...begin?.data, ...data };
  switch (name) {
    case "h1.error": case "h2.error": case "ws.error": return `${name.slice(0, 2)}: ${data.message}`;
    case "net.close": return data.error ? `the connection broke: ${data.error}` : null;
    case "route.match": return data.status >= 400 ? `no rule for ${all.method} ${all.path}` : null;
    case "timer.fire": return `timed out: ${data.what}`;
    case "loop.blocked": return `the loop was blocked for ${data.ms} ms${src ? ` in ${src}` : ""}`;
    case "h2.frame": return data.frame === "RST_STREAM" ? `${dir === "in" ? "the client" : "the server"} reset the stream: ${data.error_code}` : null;
    case "asgi.send": if (data.status >= 500) return `status ${data.status}`;
  }
  if (data.outcome === "exception" && /^(asgi.app|user.call)$/.test(name)) return `${all.qualname ?? all.at} raised ${data.exception}`;
  return data.outcome === "cancelled" ? "cancelled" : null;
}

function read(line, told = JSON.parse(line)) {
  if ("xray" in told) reset(told);
  else if ("dropped" in told) trace.dropped = told.dropped;
  else add(told);
}
function reset(head, dropped = 0) {
  Object.assign(trace, { head, records: [], dropped });
  for (const map of [trace.bySeq, trace.requests, trace.conns]) map.clear();
  Object.assign(state, { record: null, request: null, wanted: state.request?.id });
}

function add(record) {
  record.data ??= {};
  record.layer = record.name.split(".")[0];
  trace.records.push(record);
  trace.bySeq.set(record.seq, record);
  if (record.conn) {
    if (!trace.conns.has(record.conn))
      trace.conns.set(record.conn, { records: [], events: { in: [], out: [] }, octets: { in: [], out: [] } });
    const conn = trace.conns.get(record.conn);
    conn.records.push(record);
    if (record.bytes && record.dir) (WIRE.has(record.name) ? conn.octets : conn.events)[record.dir].push(record);
  }
  if (record.req) {
    if (!trace.requests.has(record.req)) trace.requests.set(record.req, new Request(record.req));
    trace.requests.get(record.req).add(record);
  }
  if (trace.records.length > KEPT) {
    const kept = trace.records.slice(KEPT / 2);
    reset(trace.head, trace.dropped);
    kept.forEach(add);
  }
}

// -- in words --
const LONG = new Set(["headers", "hpack", "entries", "args", "settings", "event", "frame", "stream", "len", "flags"]);
const time = (ns) => ns < 1e6 ? `${Math.round(ns / 1e3)} µs` : ns < 1e9 ? `${(ns / 1e6).toFixed(ns < 1e7 ? 2 : 1)} ms` : `${(ns / 1e9).toFixed(2)} s`;
const shown = (value) => Array.isArray(value) ? value.map(shown).join(", ") : typeof value === "object" ? JSON.stringify(value) : String(value);
const arrow = ({ dir }) => dir === "in" ? "← " : dir === "out" ? "→ " : "";
const clipped = (text, length) => text.length > length ? `${text.slice(0, length - 1)}…` : text;
const pairs = (data, not = LONG) => Object.entries(data).filter(([key, value]) => !not.has(key) && there(value) && value !== "")
  .map(([key, value]) => `${key}=${shown(value)}`).join(" ");
const changes = (data) => Object.entries(data).filter(([, value]) => Array.isArray(value) && value.length === 2)
  .map(([key, [from, to]]) => `${key === "state" ? "" : `${key} `}${from} → ${to}`).join(", ");

/** What a record is: a few words that matter, and the rest. */
function words(record, begin) {
  const { name, data } = record, all = { ...begin?.data, ...data }, ends = record.ph === "E";
  const failed = data.outcome && data.outcome !== "done" ? ` ${data.exception ?? data.outcome}` : "";
  const length = there(all.len) ? ` ${all.len} B` : "", [, event] = name.split(".");
  switch (name) {
    case "net.accept": return ["accept", data.peer ?? ""];
    case "net.recv": case "net.write": return [event === "recv" ? "read" : event, length];
    case "h1.event": return [data.event, data.method ? `${data.method} ${data.target}` : data.status ?? length];
    case "h2.event": case "ws.event": return [data.event, `${length} ${pairs(data)}`];
    case "h2.frame": return [data.frame, `${length} ${(data.flags ?? []).join(" ")} ${pairs(data)}`];
    case "ws.frame": return [data.opcode, `${length}${data.fin ? "" : " …"}${data.masked ? " masked" : ""}`];
    case "h1.state": case "h2.stream": case "ws.state": return [changes(data), ""];
    case "timer.start": return ["timer", `${data.what}: ${there(data.seconds) ? `${data.seconds} s` : "no limit"}`];
    case "h2.window": return [data.blocked ? "window closed" : "window", `${data.stream_left ?? "–"} · ${data.conn_left}`];
    case "h2.table": return [`${data.side}'s table`, `${data.entries?.length ?? 0} entries, ${data.size} B`];
    case "asgi.app": return ends ? ["returns", failed] : [`app(${all.type})`, all.at === "server" ? "" : all.at];
    case "asgi.send": case "asgi.receive": {
      if (ends && !data.message) return [event === "send" ? "sent" : "received", failed];
      const message = all.message ? all.message.replace(/^(http|websocket)\./, "") : "…";
      return [`${event} ${message}`, `${all.status ?? ""}${length}${all.more_body ? " more" : ""}`];
    }
    case "route.match": return ends
      ? [data.endpoint ? `→ ${data.endpoint}` : `no match: ${data.status ?? ""}`, data.args ? shown(data.args) : ""]
      : ["match", `${all.method} ${all.path}${data.endpoint ? ` → ${data.endpoint}` : ""}`];
    case "route.try": return data.verdict === "match" ? [`✓ ${data.rule}`, shown(data.args ?? "")] : [`✗ ${data.rule}`, data.why];
    case "app.stage": return ends ? [`→${failed || ` ${data.result}`}`, all.stage] : [all.stage, data.result ?? failed];
    case "user.call": return ends ? [`→${failed || ` ${data.result}`}`, all.qualname]
      : [all.qualname, `${all.kind}${data.result ? ` → ${data.result}` : failed}`];
    case "task.spawn": case "task.done": return [event === "spawn" ? "task starts" : "task ends", failed || data.task];
  }
  return [event + (ends ? " ends" : ""), pairs(data, new Set(["headers"]))];
}

const ABOUT = {
  "net.accept": "A client has connected.", "net.write": "What we gave to the socket at once.",
  "net.close": "The connection has ended.", "net.resume": "There is room again.",
  "net.recv": "What the socket gave us at once. Where it is cut means nothing: the protocol finds its own ends.",
  "net.pause": "Too much waits: nothing more is taken from this side until some of it is gone.",
  "tls.ready": "The handshake is done. What follows is shown as it is inside of TLS.",
  "h1.event": "h11 has read, or written, one element of an HTTP/1.1 message.",
  "h1.state": "h11 keeps a state for each side, and so knows what may come next.",
  "h1.cycle": "Both sides are done: the connection begins its next request.",
  "h2.preface": "24 bytes by which a client says that it speaks HTTP/2.", "h2.stream": "Each stream has a state of its own.",
  "h2.frame": "All of HTTP/2 is frames: nine bytes of head, then the content. Those of many streams take turns.",
  "h2.event": "What h2 says the frames mean.",
  "h2.window": "How many bytes of content the client still takes, of this stream and of all. At nought we wait.",
  "h2.table": "HPACK remembers fields on both sides; a number stands for one that was sent before.",
  "ws.frame": "A message of a WebSocket travels in frames. A client's are masked.",
  "ws.event": "What wsproto says the frames mean.", "ws.state": "How far the opening, or the closing, has come.",
  "asgi.app": "The application is called: app(scope, receive, send). Each skin of middleware calls the next.",
  "asgi.receive": "The application asks for a message, and may have to wait for it.",
  "asgi.send": "The application says something. It waits if the client is slow.",
  "lifespan.startup": "The application gets ready.", "lifespan.shutdown": "The application ends.",
  "route.match": "The router looks for the rule that fits the path and the method.",
  "route.try": "One rule that was looked at, and why it did or did not fit.",
  "ctx.push": "From here on, request, session and g mean this request.", "ctx.pop": "They mean it no more.",
  "app.stage": "One step of the way that each request takes through the framework.",
  "user.call": "Your code.",
  "task.spawn": "The server starts a task for this call of the application.", "task.done": "The task has ended.",
  "timer.start": "From now on the server counts the seconds.", "timer.fire": "It took too long.",
  "loop.blocked": "Nothing else could run meanwhile. Is there something that should be awaited?",
};

// -- filters --
const OF_REQUEST = {
  status: ({ sum }, value) => new RegExp(`^${value.replace(/[^\dx]/g, "").replaceAll("x", "\\d")}`).test(sum.status ?? ""),
  method: ({ sum }, value) => sum.method.toLowerCase() === value,
  path: ({ sum }, value) => sum.target.toLowerCase().includes(value),
  protocol: ({ sum }, value) => sum.protocol.toLowerCase().includes(value),
  conn: ({ conn }, value) => conn === value, req: ({ id }, value) => id === value,
  stream: ({ stream }, value) => String(stream) === value,
};
function says({ layer, name, data, src, task }, key, value) {
  if (key === "layer") return layer === value;
  if (key === "name") return name.startsWith(value);
  const told = key === "src" ? src : key === "task" ? task ?? data.task : key === "why" ? `${data.verdict} ${data.why}` : data[key];
  if (there(told)) return shown(told).toLowerCase().includes(value);
  return (data.headers ?? []).some((field) => field[0].toLowerCase() === key && field[1].toLowerCase().includes(value));
}

/** Return a test of requests, and one of records that stand in the ladder. */
function parse(text) {
  const ofRequest = [], ofRecord = [], layers = [];
  for (const term of text.trim().split(/\s+/).filter(Boolean)) {
    const not = term.length > 1 && term.startsWith("-"), word = term.slice(not).toLowerCase();
    const took = /^([<>])(\d+(?:\.\d+)?)(µs|us|ms|s)?$/.exec(word), [, key, value] = /^([\w-]+):(.+)$/.exec(word) ?? [];
    const limit = took && took[2] * { "µs": 1e3, us: 1e3, ms: 1e6, s: 1e9 }[took[3] ?? "ms"];
    const has = (record) => says(record, key, value), isOfRequest = Object.hasOwn(OF_REQUEST, key ?? "");
    const test = took ? ({ sum }) => (took[1] === ">") === (sum.took > limit)
      : isOfRequest ? (request) => OF_REQUEST[key](request, value)
        : key ? (request) => request.own.some(has) : ({ sum }) => `${sum.method} ${sum.target}`.toLowerCase().includes(word);
    ofRequest.push((request) => test(request) !== not);
    if (key && !isOfRequest && !not) ofRecord.push(has);
    if (!not && (key === "layer" || key === "name")) layers.push(has);
  }
  const every = (tests, of) => tests.every((test) => test(of));
  const isWanted = (request) => every(ofRequest, request) && (!ofRecord.length || request.own.some((record) => every(ofRecord, record)));
  return { request: isWanted, record: (record) => every(layers, record) };
}

// -- requests --
function drawRequests() {
  const { request: test } = parse(state.filter), { requests } = trace;
  const kept = [...requests.values()].filter((request) => request.own.some((r) => r.name !== "h1.cycle") && test(request)).reverse();
  state.kept = kept;
  if (!state.record && (!kept.includes(state.request) || state.follow)) choose(kept.find(({ id }) => !state.follow && id === state.wanted) ?? kept[0] ?? null);
  fresh("request-list", [trace.records.length, trace.head.started, state.filter], () => kept.map(requestRow));
  mark($("request-list"), `request-${state.request?.id}`);
}

function requestRow(request) {
  const { method, target, status, wrong, protocol, parts, took, open } = request.sum;
  const sum = Object.values(parts).reduce((a, b) => a + b, 0) || 1, told = PARTS.filter((name) => parts[name] / sum > .004);
  const spark = el("div", { class: "spark", title: told.map((name) => `${name} ${time(parts[name])}`).join("\n") },
    ...told.map((name) => sized(el("i", { class: `p-${name}` }), "width", parts[name] / sum)));
  return el("li", { class: "request", role: "option", id: `request-${request.id}`, "data-request": request.id,
    "aria-selected": "false", "aria-label": `${method} ${target} ${status ?? "no status"}` },
  el("div", {}, el("span", { class: "method" }, method), el("span", { class: "target", title: target }, target),
    el("span", { class: wrong || status >= 500 ? "code wrong" : "code" }, String(status ?? (open ? "…" : "–")))),
  el("div", { class: "facts" }, el("span", {}, `${request.id} · ${protocol}${request.stream ? ` stream ${request.stream}` : ""}`),
    el("span", {}, open ? `${time(took)} …` : time(took))), spark, wrong ? el("p", { class: "wrong" }, wrong) : null);
}
const choose = (request) => request === state.request || Object.assign(state, { request, record: null, from: null, all: false, ...stopped() });

// -- the ladder --
const LEVELS = { user: 1, route: 1, loop: 1, lifespan: 1, "asgi.app": 1, asgi: 2, app: 2, ctx: 2, task: 2,
  "h1.event": 2, "h2.event": 2, "ws.event": 2, tls: 2, "net.accept": 2, "net.close": 2 };
const LANES = [["socket", "Bytes that are read and written"], ["proto", "Bytes become events, and events bytes"],
  ["asgi", "Messages between the server and the application"], ["ctx", "What is current: request, session, g"],
  ["app", "The framework's own steps"], ["route", "Which rule fits"], ["yours", "Your hooks and views"]];
const LANE_OF = { h1: "proto", h2: "proto", ws: "proto", asgi: "asgi", lifespan: "asgi", ctx: "ctx", app: "app", route: "route", user: "yours" };
const WIDTH = 35, ROWS = 1000;

/** Join what begins with its end, where nothing happened between. */
function folded(records) {
  const rows = [];
  for (const record of records) {
    const last = rows.at(-1);
    if (record.ph === "E" && last?.record.ph === "B" && last.record.span === record.span)
      Object.assign(last, { end: record, told: { ...last.record, data: { ...last.record.data, ...record.data } } });
    else rows.push({ record, told: record });
  }
  return rows;
}

function drawLadder() {
  const { request } = state, { record: test } = parse(state.filter), { own, spans } = request;
  const wanted = ({ name, layer, data }) => (LEVELS[name] ?? LEVELS[layer] ?? 3) <= state.level || (name === "asgi.send" && data.status);
  const rows = (state.rows = folded(request.records.filter((record) => wanted(record) && test(record))));
  const began = rows.find(({ record: { req, name } }) => req || WIRE.has(name))?.record.t ?? 0, all = Math.max(request.sum.ended - began, 1), outer = request.sum.app.at;
  const skins = [...new Set(own.map((r) => r.data.at).filter((at) => at && at !== outer))];
  const proto = own.find((r) => /^(ws|h2|h1)$/.test(r.layer))?.layer ?? "http";
  const lanes = LANES.flatMap((lane) => lane[0] === "asgi" ? [lane, ...skins.map((at) => [at, at])] : [lane]);
  const places = new Map(lanes.map(([name], index) => [name, (index + .5) * WIDTH])), active = new Map();
  const grid = lanes.map((_, index) => `M${(index + .5) * WIDTH} 0v22`).join("");
  let x = null;
  const drawn = rows.slice(0, state.all ? rows.length : ROWS).map(({ record, told, end: folded }) => {
    const begin = spans.get(record.span)?.begin, at = record.data.at ?? begin?.data.at, isEnd = record.ph === "E";
    const to = places.get(at && at !== outer ? at : LANE_OF[record.layer] ?? "socket");
    if (isEnd) active.delete(record.span);
    const path = x === null ? "" : x === to ? `M${x} -7V8` : `M${x} -7V11H${to + (x < to ? -5 : 5)}`, depth = active.size;
    const drawing = svg("svg", { width: lanes.length * WIDTH, height: 22, "aria-hidden": "true" }, svg("path", { class: "lane", d: grid }),
      ...[...active.values()].map(([where, layer]) => svg("path", { class: `active l-${layer}`, d: `M${where} 0v22` })),
      svg("path", { class: "way", d: path }), svg("circle", { class: "dot", cx: to, cy: 11, r: record.ph === "I" ? 3 : 4 }));
    x = to;
    if (record.ph === "B" && !folded) active.set(record.span, [to, record.layer]);
    const end = isEnd ? null : folded ?? spans.get(record.span)?.end, bad = anomaly(told, begin);
    const [main, rest] = words(told, isEnd ? begin : null);
    const bar = sized(sized(el("i"), "left", (record.t - began) / all), "width", ((end ?? record).t - record.t) / all);
    const line = el("div", { class: `row l-${record.layer}${isEnd ? " end" : ""}${bad ? " bad" : ""}`, role: "option",
      id: `row-${record.seq}`, "data-seq": record.seq, "aria-selected": "false" },
    el("span", { class: "time" }, ((record.t - began) / 1e6).toFixed(3)), drawing,
    el("span", { class: "what", title: bad ?? `${record.name}  ${main} ${rest}` }, arrow(record), el("b", {}, main), el("span", { class: "rest" }, ` ${rest}`)),
    el("span", { class: "took" }, end ? time(end.t - record.t) : ""), el("span", { class: "bar" }, isEnd ? "" : bar));
    line.style.setProperty("--depth", depth);
    return line;
  });
  const head = el("div", { class: "row lane-heads", "aria-hidden": "true" }, el("span", { class: "time" }, "ms"),
    el("div", {}, ...lanes.map(([name, about]) => el("span", { title: about }, name === "proto" ? proto : name.replace(/^below /, "")))),
    el("span"), el("span", { class: "took" }, time(all)), el("span"));
  const ladder = el("div", { class: "ladder", role: "listbox", "aria-label": "Events" }, head, ...drawn);
  if (rows.length > drawn.length) ladder.append(el("button", { type: "button", class: "more", "data-all": "1" }, `Show ${rows.length - drawn.length} more`));
  ladder.style.setProperty("--width", `${lanes.length * WIDTH}px`);
  return ladder;
}

// -- the onion --
/** Return the messages of one direction, each as it looks at every skin, the outermost first. */
function messages({ own }, name) {
  const at = new Map(own.filter((r) => r.name === "asgi.app" && r.ph === "B").map((r) => [r.data.at, []]));
  for (const record of own) if (record.name === name && record.data.message && !ahead(record)) at.get(record.data.at)?.push(record);
  const most = Math.max(0, ...[...at.values()].map((records) => records.length));
  return Array.from({ length: most }, (_, n) => [...at].map(([skin, records]) => [skin, records[n]]).filter(([, record]) => record));
}
function difference(before, after) {
  const lines = [], texts = ({ headers }) => (headers ?? []).map(([name, value]) => `${name}: ${value}`);
  const [had, has] = [texts(before), texts(after)];
  for (const key of ["message", "status", "len", "more_body", "code"])
    if (before[key] !== after[key]) lines.push(["", `${key === "len" ? "body" : key} ${before[key] ?? "–"} → ${after[key] ?? "–"}`]);
  lines.push(...had.filter((line) => !has.includes(line)).map((line) => ["minus", `− ${line}`]),
    ...has.filter((line) => !had.includes(line)).map((line) => ["plus", `+ ${line}`]));
  return lines.length ? lines : [["same", "unchanged"]];
}

function peeled(message, inward) {
  const whole = ({ message: kind, status, len, more_body: more, headers }) => [
    ["", [kind, status, there(len) ? `${len} B` : null, more ? "more" : null].filter(there).join("  ")],
    ...(headers ?? []).map(([name, value]) => ["", `${name}: ${value}`])];
  return message.reduceRight((inner, [skin, { data }], index) => {
    const before = message[inward ? index - 1 : index + 1], lines = before ? difference(before[1].data, data) : whole(data);
    return el("div", { class: "skin" }, el("h3", {}, skin), el("ul", { class: "diff" }, ...lines.map(([kind, line]) => el("li", { class: kind }, line))), inner);
  }, null);
}
function drawOnion() {
  const onion = el("div", { class: "onion" });
  for (const [name, title, inward] of [["asgi.receive", "← in", true], ["asgi.send", "→ out", false]])
    for (const message of messages(state.request, name).slice(0, 40))
      onion.append(el("div", { class: "message" }, el("p", {}, `${title}: ${message[0][1].data.message}`), peeled(message, inward)));
  return onion.childNodes.length ? onion : el("p", { class: "empty" }, "No message has passed between server and application.");
}

// -- multiplex --
/** Return where each record is drawn; pauses in which nothing happens are cut short. */
function axis(records, width) {
  const gaps = records.slice(1).map(({ t }, n) => t - records[n].t), busy = gaps.filter((gap) => gap < 5e7).reduce((a, b) => a + b, 0);
  const limit = Math.max(1e6, busy / 12), ends = [0];
  for (const gap of gaps) ends.push(ends.at(-1) + Math.min(gap, limit));
  const place = new Map(records.map((record, n) => [record, ends[n] / (ends.at(-1) || 1) * width]));
  return [place, gaps.map((gap, n) => [place.get(records[n]), place.get(records[n + 1]), gap]).filter(([,, gap]) => gap > limit)];
}

function drawMultiplex() {
  const conn = trace.conns.get(state.request.conn), left = 124, height = 30;
  if (!conn) return el("p", { class: "empty" }, "The connection of this request was not looked at.");
  const { records } = conn, width = Math.max($("view").clientWidth - left - 40, 300), [place, cuts] = axis(records, width);
  const ids = [...new Set(records.map((record) => record.req ?? ""))], drawn = [], boxes = [], bottom = 26 + ids.length * height;
  const x = (record) => left + place.get(record), y = (id) => 26 + (ids.indexOf(id) + .5) * height;
  for (const [from, to, gap] of cuts) {
    const middle = left + (from + to) / 2;
    drawn.push(svg("path", { class: "gap", d: `M${middle} 20V${bottom}` }));
    if (to - from > 34) drawn.push(svg("text", { x: middle, y: 14, "text-anchor": "middle" }, time(gap)));
  }
  for (const id of ids) {
    const own = records.filter((record) => (record.req ?? "") === id), request = trace.requests.get(id), last = records.at(-1);
    const name = request ? `${request.stream ?? id} ${request.sum.method} ${request.sum.target}` : "connection";
    drawn.push(svg("path", { class: "life", d: `M${x(own[0])} ${y(id)}H${x(own.at(-1)) + 3}` }),
      svg("text", { class: request && request === state.request ? "name mine" : "name", x: 14, y: y(id) + 3 }, clipped(name, 16), svg("title", {}, name)));
    for (const begin of own.filter((r) => r.name === "h2.window" && r.ph === "B")) {
      const end = request?.spans.get(begin.span)?.end ?? last, closed = `the client's window was closed for ${time(end.t - begin.t)}`;
      drawn.push(svg("rect", { class: `blocked${ahead(begin) ? " ahead" : ""}`, x: x(begin), y: y(id) - 11, width: Math.max(x(end) - x(begin), 2), height: 22 }, svg("title", {}, closed)));
    }
    for (const record of own.filter((r) => r.bytes && !WIRE.has(r.name))) {
      const { frame, event, opcode } = record.data, isContent = /^DATA|Data$|TEXT|BINARY|CONT/.test(frame ?? event ?? opcode);
      const kind = `frame f-${frame === "RST_STREAM" ? "bad" : record.dir}${isContent ? " f-data" : ""}${record === state.record ? " chosen" : ""}${ahead(record) ? " ahead" : ""}`;
      boxes.push(svg("rect", { class: kind, "data-seq": record.seq, x: x(record), y: y(id) + (record.dir === "out" ? 1 : -10),
        width: Math.min(3 + record.bytes[1] / 900, 20), height: 9 }, svg("title", {}, `${words(record).join(" ")}, ${record.bytes[1]} B`)));
    }
  }
  const legend = [["f-in", "in"], ["f-out", "out"], ["f-out f-data", "content"], ["blocked", "the client takes no more"]];
  return el("div", {}, el("p", { class: "legend" }, ...legend.map(([kind, label]) => el("span", {}, el("i", { class: kind }), label))),
    svg("svg", { class: "multiplex", role: "img", "aria-label": "Frames by stream and time", width: width + left + 40, height: bottom + 14 }, ...drawn, ...boxes));
}

// -- the wire --
const PAGE = 1024;
function drawWire() {
  const { request, record, dir } = state, conn = trace.conns.get(request?.conn), events = conn?.events[dir] ?? [], octets = conn?.octets[dir] ?? [];
  const last = octets.at(-1)?.bytes, total = last ? last[0] + last[1] : 0;
  const mine = record?.bytes && record.dir === dir && record.conn === request?.conn ? record : null;
  state.from ??= Math.max(0, (mine ?? request?.own.find((r) => r.bytes && r.dir === dir))?.bytes[0] ?? 0) & ~15;
  const from = Math.min(state.from, Math.max(total - 1, 0) & ~15), to = Math.min(from + PAGE, total);
  for (const button of $("wire-head").querySelectorAll("[data-dir]")) button.setAttribute("aria-pressed", button.dataset.dir === dir);
  $("wire-note").textContent = total ? `${request.conn}, ${total.toLocaleString("en")} bytes ${dir}${to < total || from ? `, here ${from}–${to}` : ""}` : "";
  $("earlier").disabled = from === 0;
  $("later").disabled = to >= total;
  $("strip").replaceChildren(...(events.length > 600 ? [] : events).map((event) => sized(el("i", { class: `l-${event.layer}${event === mine ? " chosen" : ""}${ahead(event) ? " ahead" : ""}`,
    "data-seq": event.seq, title: words(event).join(" ") }), "width", event.bytes[1] / total)));
  $("hex").replaceChildren(...total ? hexLines(bytesBetween(octets, from, to), events, from, to, mine) : ["No bytes."]);
}

/** Return the bytes as numbers; null where they were not kept. */
function bytesBetween(octets, from, to) {
  const bytes = new Array(to - from).fill(null);
  for (const record of octets) {
    const [offset, size] = record.bytes;
    if (offset >= to || offset + size <= from || !record.raw) continue;
    const raw = (record.text ??= atob(record.raw));
    for (let n = Math.max(from, offset); n < Math.min(to, offset + raw.length); n++) bytes[n - from] = raw.charCodeAt(n - offset);
  }
  return bytes;
}

function hexLines(bytes, events, from, to, mine) {
  const lines = [], end = ({ bytes: [offset, size] }) => offset + size, covers = (event, n) => n >= event.bytes[0] && n < end(event);
  let index = Math.max(events.findIndex((event) => end(event) > from), 0);
  for (let start = from; start < to; start += 16) {
    const stop = Math.min(start + 16, to), hex = [], text = [];
    for (let n = start, next; n < stop; n = next) {
      while (index < events.length && end(events[index]) <= n) index++;
      const event = events[index], isOwned = event && covers(event, n);
      next = Math.min(stop, isOwned ? end(event) : event?.bytes[0] ?? stop);
      const some = bytes.slice(n - from, next - from), isMine = isOwned && mine && covers(mine, n);
      const about = { class: `bytes${index % 2 ? " odd" : ""}${isMine ? " chosen" : ""}${isOwned && ahead(event) ? " ahead" : ""}`, "data-seq": isOwned ? event.seq : null };
      hex.push(el("span", about, some.map((byte) => byte?.toString(16).padStart(2, "0") ?? "··").join(" ")), " ");
      text.push(el("span", about, some.map((byte) => byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·").join("")));
    }
    lines.push(el("span", { class: "offset" }, String(start).padStart(7)), "  ", ...hex, " ".repeat((16 - stop + start) * 3 + 1), ...text, "\n");
  }
  return lines;
}

// -- detail --
const part = (title, ...children) => el("section", {}, el("h3", {}, title), ...children);
const table = (rows) => el("table", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell) => el("td", {}, cell)))));
const list = (entries) => el("dl", { class: "pairs" }, ...entries.filter(([, value]) => there(value) && shown(value) !== "")
  .flatMap(([key, value]) => [el("dt", {}, key), el("dd", {}, shown(value))]));
const fieldList = (fields) => el("dl", { class: "fields" }, ...fields.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
const utf8 = (raw) => new TextDecoder().decode(Uint8Array.from(raw, (character) => character.charCodeAt(0)));
function drawDetail() {
  const { record, request } = state;
  $("detail-title").textContent = record ? "Event" : "Request";
  $("detail-body").replaceChildren(...(record ? ofRecord(record, request) : request ? ofRequest(request) : []).filter(there));
}

function ofRequest(request) {
  const { method, target, status, protocol, parts, wrong, took, app } = request.sum, sum = Object.values(parts).reduce((a, b) => a + b, 0) || 1;
  const first = (test) => request.own.find(test)?.data, route = first((r) => r.name === "route.match" && r.ph === "E");
  const answer = first((r) => r.dir === "out" && r.data.headers)?.headers ?? [];
  return [
    el("div", {}, el("p", { class: "title" }, `${method} ${target}`), wrong ? el("p", { class: "wrong" }, wrong) : null),
    list([["status", status], ["protocol", protocol], ["took", time(took)], ["client", app.client], ["connection", request.conn],
      ["stream", request.stream], ["endpoint", route?.endpoint], ["arguments", route?.args], ["events", request.own.length]]),
    part("Time", table(PARTS.filter((name) => parts[name]).map((name) =>
      [name, time(parts[name]), el("div", { class: `spark p-${name}` }, sized(el("i"), "width", parts[name] / sum))]))),
    app.headers && part("Request", fieldList(app.headers)), answer.length > 0 && part("Response", fieldList(answer)),
  ];
}

function ofRecord(record, request) {
  const { begin, end } = request?.spans.get(record.span) ?? {}, { data, name, layer, task } = record;
  const [main, rest] = words(record, begin), wrong = anomaly(record, begin), isObject = (key) => there(data[key]) && typeof data[key] === "object";
  const apart = new Set(["headers", "hpack", "entries", "settings", "state", "client", "server"].filter(isObject));
  const raw = record.raw && !WIRE.has(name) ? utf8(atob(record.raw)) : "";
  return [
    el("div", { class: `l-${layer}` }, el("p", { class: "title" }, name), el("p", { class: "said" }, `${arrow(record)}${main} ${rest}`),
      wrong && el("p", { class: "wrong" }, wrong)), ABOUT[name] && el("p", { class: "about" }, ABOUT[name]),
    list([["time", `${(record.t / 1e6).toFixed(3)} ms`], ["took", end && time(end.t - begin.t)], ["bytes", record.bytes && `${record.bytes[1]} from ${record.bytes[0]}`],
      ["stream", record.stream], ["task", task], ...Object.entries(data).filter(([key]) => !apart.has(key) && key !== "stream" && (key !== "task" || !task))]),
    sourceOf(record, begin),
    layer === "h1" && part("States of h11", ...machines(record)),
    layer === "h2" && part("Streams", ...streams(record)), layer === "h2" && windows(record),
    data.hpack?.length && part("HPACK", table(data.hpack.map(({ octets, name: field, value, how }) =>
      [el("div", {}, `${field}: ${value}`, el("br"), el("small", {}, `${octets} · ${how}`))]))),
    layer === "h2" && record.dir && hpackTable(record), isObject("settings") && part("Settings", list(Object.entries(data.settings))),
    layer === "asgi" && request && skinsOf(record, request), data.headers?.length > 0 && part("Fields", fieldList(data.headers)),
    raw && part("Content", el("pre", { class: "body" }, raw)),
  ];
}

/** Return what came before on the connection, and this record with the changes that it has brought. */
function until(record) {
  const records = trace.conns.get(record.conn)?.records ?? [record], at = records.indexOf(record);
  let stop = at + 1;
  while (/\.(state|stream|window|table)$/.test(records[stop]?.name)) stop++;
  return [records.slice(0, at), records.slice(at, stop)];
}
const chips = (title, names, was, is) => el("div", { class: "states", role: "img", "aria-label": `${title}: ${was} → ${is}` }, el("span", {}, title),
  ...names.map((name) => el("span", { class: `state${name === is ? " after" : name === was ? " before" : ""}` }, name)));
const MACHINES = { client: ["IDLE", "SEND_BODY", "DONE", "MUST_CLOSE", "CLOSED", "ERROR"],
  server: ["IDLE", "SEND_RESPONSE", "SEND_BODY", "DONE", "MUST_CLOSE", "CLOSED", "ERROR"] };
function machines(record) {
  const [before, now] = until(record), cycle = before.slice(before.findLastIndex((r) => r.name === "h1.cycle") + 1);
  return Object.entries(MACHINES).map(([role, names]) => {
    const last = (records) => records.findLast((r) => r.name === "h1.state" && r.data[role])?.data[role][1];
    const was = last(cycle) ?? "IDLE", is = last(now) ?? was;
    return chips(role, names.includes(is) ? names : [...names, is], was, is);
  });
}
function streams(record) {
  const [before, now] = until(record), all = new Map();
  for (const { name, stream, data } of before) if (name === "h2.stream") all.set(stream, [data.state[1]]);
  for (const { name, stream, data } of now) if (name === "h2.stream") all.set(stream, data.state);
  return all.size ? [...all].slice(-24).map(([stream, names]) => chips(String(stream), names, names[0], names.at(-1))) : [el("p", { class: "about" }, "None yet.")];
}

function windows(record) {
  const left = new Map(), told = until(record).flat().filter((r) => r.name === "h2.window");
  for (const { stream, data } of told) left.set("all", data.conn_left).set(stream, data.stream_left ?? left.get(stream));
  const most = Math.max(65535, ...[...left.values()].filter(there)), shownOnes = [...left].filter(([name, size]) => there(name) && there(size)).slice(-12);
  return shownOnes.length > 0 && part("Windows: what the client takes", table(shownOnes.map(([name, size]) =>
    [String(name), el("meter", { min: 0, max: most, low: most / 8, value: Math.max(size, 0), "aria-label": `window ${name}` }), size.toLocaleString("en")])));
}
function hpackTable(record) {
  const found = until(record).flat().findLast((r) => r.name === "h2.table" && r.dir === record.dir)?.data;
  return found && part(`The ${found.side}'s table, ${found.size} B`, table(found.entries.map(([name, value], n) => [String(62 + n), `${name}: ${value}`])));
}
function skinsOf(record, request) {
  const found = messages(request, record.name).find((message) => message.some(([, each]) => each.span === record.span));
  return found && part("Skin by skin", peeled(found, record.name === "asgi.receive"));
}

const sources = new Map();
/** Show the lines behind an event, and what the book says of them. */
function sourceOf({ src: own, name, dir }, begin) {
  const src = own ?? begin?.src, key = src ?? `${name} ${dir ?? ""}`.trim(), place = src ? part(src) : el("section", { hidden: "" });
  const query = src ? `at=${encodeURIComponent(src)}` : `name=${name}&dir=${dir ?? ""}`;
  const ask = () => recorded ? Promise.resolve(trace.code[key]) : fetch(`source?${query}`).then((answer) => answer.ok ? answer.json() : null, () => null);
  if (!sources.has(key)) sources.set(key, ask());
  sources.get(key).then((found) => {
    if (!found) return;
    const { path, place: where, first, line: here, lines, book } = found;
    place.hidden = false;
    place.replaceChildren(el("h3", {}, path ? el("a", { href: editor(found), id: "editor" }, where) : where),
      el("pre", { class: "listing" }, ...lines.map((line, n) => el("span", { "data-n": first + n, class: first + n === here && "here" }, line || " "))),
      ...book.map(({ title, text }) => el("details", { class: "book", open: "" }, el("summary", {}, ...prose(title)), ...text.map((told) => el("p", {}, ...prose(told))))));
  });
  return place;
}
/** Words between backticks are code. */
const prose = (text) => text.split("`").map((words, n) => n % 2 ? el("code", {}, words) : words);
const editor = ({ path, line }) => trace.head.editor.replace("{path}", encodeURI(path)).replace("{line}", line);

// -- drawing --
function draw() {
  drawRequests();
  const { request, view, level } = state, isSame = draw.last === request, { scrollTop } = $("view");
  for (const tab of $("tabs").querySelectorAll("[role=tab]")) tab.setAttribute("aria-selected", tab.id === `tab-${view}`);
  for (const button of $("levels").children) button.setAttribute("aria-pressed", Number(button.dataset.level) === level);
  $("summary").textContent = state.stepping ? whereabouts() : request ? `${request.sum.method} ${request.sum.target}` : "";
  $("play").textContent = state.timer ? "⏸" : "▶";
  $("play").setAttribute("aria-pressed", Boolean(state.timer));
  $("view").setAttribute("aria-labelledby", `tab-${view}`);
  const drawn = () => [request ? { ladder: drawLadder, onion: drawOnion, multiplex: drawMultiplex }[view]()
    : el("p", { class: "empty" }, trace.requests.size ? "No request is as the filter wants it." : "Send a request: it appears here.")];
  const seq = state.record?.seq, shown = view === "multiplex" ? [seq, state.stepping, innerWidth] : [state.all, level, state.filter, view === "onion" && state.stepping && seq];
  fresh("view", [view, request?.id, trace.records.length, trace.head.started, ...shown], drawn);
  mark($("view").firstElementChild, `row-${seq}`);
  for (const row of $("view").querySelectorAll(".row[id]")) row.classList.toggle("ahead", ahead(trace.bySeq.get(Number(row.dataset.seq))));
  $("view").scrollTop = isSame ? scrollTop : 0;
  draw.last = request;
  for (const rest of [drawWire, drawDetail, drawStatus]) rest();
}

function drawStatus() {
  const { requests, records, dropped, head } = trace, many = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
  const isLive = socket?.readyState === WebSocket.OPEN, how = recorded ? `recorded ${head.started}` : isLive ? "live" : "the server has gone; waiting for it";
  $("status").className = recorded ? "" : isLive ? "live" : "away";
  $("status").textContent = [how, many(requests.size, "request"), many(records.length, "event"), dropped ? `${many(dropped, "event")} dropped: this page was too slow` : "",
    state.follow || recorded ? "" : "f follows the newest"].filter(Boolean).join(" · ");
}
/** Draw soon, and seldom enough that drawing leaves time for reading. */
function soon() {
  if (soon.planned) return;
  soon.planned = setTimeout(() => {
    const began = performance.now();
    draw();
    Object.assign(soon, { planned: null, pause: Math.min(4 * (performance.now() - began), 2000) });
  }, soon.pause ?? 0);
}
function set(values) { Object.assign(state, values); draw(); }
/** Draw what is in a box, unless it would be the same again. */
function fresh(id, depends, children) {
  const box = $(id), key = JSON.stringify(depends);
  if (box.key !== key) Object.assign(box, { key }).replaceChildren(...children());
}
function mark(box, id) {
  for (const each of box.querySelectorAll("[aria-selected=true]")) each.setAttribute("aria-selected", "false");
  $(id)?.setAttribute("aria-selected", "true");
  box.setAttribute("aria-activedescendant", $(id) ? id : "");
}
function select(record, scroll = true) {
  if (!record) return;
  if (record.req) choose(trace.requests.get(record.req));
  set({ record, follow: false, dir: record.dir ?? state.dir, from: record.bytes ? Math.max(0, record.bytes[0] - 48) & ~15 : state.from });
  if (scroll) $(`row-${record.seq}`)?.scrollIntoView({ block: "nearest" });
}
function pick(request) {
  if (!request) return;
  choose(request);
  set({ follow: false, record: null });
  $(`request-${request.id}`)?.scrollIntoView({ block: "nearest" });
}

// -- keys and clicks --
const near = (all, at, by) => all[Math.min(Math.max(at + by, 0), all.length - 1)];
const step = (by) => select(near(state.rows ?? [], (state.rows ?? []).findIndex((row) => row.record === state.record), by)?.record);
const stepRequest = (by) => pick(near(state.kept, state.kept.indexOf(state.request), by));

// -- step by step: through what was recorded; nothing runs again --
const ahead = (record) => state.stepping && Boolean(state.record) && record?.seq > state.record.seq;
const rowAt = () => (state.rows ?? []).findIndex((row) => row.record === state.record);
const whereabouts = () => `${rowAt() + 1} of ${state.rows?.length ?? 0}`;
function stopped() {
  clearTimeout(state.timer);
  return { timer: null, stepping: false };
}
function pause() {
  clearTimeout(state.timer);
  set({ timer: null });
}
/** Go on, or back, to the next event that is wanted; say whether there is one. */
function go(by, wanted = () => true) {
  const rows = state.rows ?? [];
  let at = rowAt() + (by < 0 && rowAt() < 0 ? rows.length + 1 : 0) + by;
  while (rows[at] && !wanted(rows[at].told)) at += by;
  state.stepping = true;
  if (rows[at]) select(rows[at].record);
  return Boolean(rows[at]);
}
/** Play: what took longer takes longer here, too. */
function play() {
  if (state.timer) return pause();
  const rows = state.rows ?? [], wanted = stop();
  if (rowAt() === rows.length - 1) state.record = null;
  const tick = () => {
    const stays = go(1) && !(wanted && wanted(state.record)), next = rows[rowAt() + 1]?.record;
    if (!stays || !next) return pause();
    set({ timer: setTimeout(tick, Math.min(120 + 110 * Math.log10(1 + (next.t - state.record.t) / 1e3), 900)) });
  };
  tick();
}
/** Return a test of where to stop, or null: name:route.match, frame:data, or a word. */
function stop() {
  const terms = $("until").value.toLowerCase().split(/\s+/).filter(Boolean).map((term) => [term, ...(/^([\w-]+):(.+)$/.exec(term)?.slice(1) ?? [])]);
  const holds = (record) => ([word, key, value]) => key ? says(record, key, value) : `${record.name} ${words(record).join(" ")}`.toLowerCase().includes(word);
  return terms.length ? (record) => terms.every(holds(record)) : null;
}
const alike = (by) => go(by, ({ layer }) => layer === (state.record?.layer ?? layer));
const goUntil = () => go(1, stop() ?? undefined);

const KEYS = {
  j: () => step(1), k: () => step(-1), ArrowDown: () => step(1), ArrowUp: () => step(-1), J: () => stepRequest(1), K: () => stepRequest(-1),
  l: () => set({ view: "ladder" }), o: () => set({ view: "onion" }), m: () => set({ view: "multiplex" }),
  1: () => set({ level: 1 }), 2: () => set({ level: 2 }), 3: () => set({ level: 3 }), f: () => set({ follow: true, record: null, ...stopped() }),
  " ": play, n: () => alike(1), N: () => alike(-1), u: () => $("until").focus(), ",": () => go(-1), ".": () => go(1),
  Enter: () => state.record ? $("editor")?.click() : step(1), "/": () => $("filter").focus(), "?": () => $("help").showModal(),
  Escape: () => state.record ? set({ record: null, ...stopped() }) : set({ filter: ($("filter").value = "") }),
};

const STEPS = { play, back: () => go(-1), forward: () => go(1) };

addEventListener("keydown", (event) => {
  const { key, target } = event, isTyping = target.tagName === "INPUT";
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  if ((isTyping && key !== "Escape" && key !== "Enter") || ("Enter ".includes(key) && /BUTTON|SUMMARY/.test(target.tagName))) return;
  const by = document.activeElement === $("request-list") && { ArrowDown: 1, ArrowUp: -1 }[key];
  if (isTyping && target === $("until") && key === "Enter") goUntil();
  else if (isTyping) target.blur();
  else if (by) stepRequest(by);
  else if (Object.hasOwn(KEYS, key)) KEYS[key]();
  else return;
  event.preventDefault();
});

addEventListener("click", ({ target }) => {
  const { request, seq, level, dir, all } = target.closest?.("[data-request], [data-seq], [data-level], [data-dir], [data-all]")?.dataset ?? {};
  if (request) pick(trace.requests.get(request));
  else if (seq) select(trace.bySeq.get(Number(seq)), !target.closest(".row"));
  else if (level) set({ level: Number(level) });
  else if (dir) set({ dir, from: null });
  else if (all) set({ all: true });
  else if (target.id.startsWith("tab-")) set({ view: target.id.slice(4) });
  else if (target.id === "earlier" || target.id === "later") set({ from: Math.max(0, state.from + (target.id === "later" ? PAGE : -PAGE)) });
  else if (Object.hasOwn(STEPS, target.id)) STEPS[target.id]();
  else if (target.id === "help-button") $("help").showModal();
});

$("hex").addEventListener("mouseover", ({ target: { dataset: { seq } } }) => {
  const record = seq && trace.bySeq.get(Number(seq));
  for (const span of $("hex").children) span.classList.toggle("near", Boolean(seq) && span.dataset.seq === seq);
  if (record) $("wire-note").textContent = `${record.name}  ${words(record).join(" ")}`;
});
$("filter").addEventListener("input", ({ target }) => set({ filter: target.value, record: null }));
addEventListener("resize", soon);

// -- reading --
const recorded = $("records");
let socket = null;
function connect(tries = 0) {
  const url = new URL("feed", location.href).href.replace("http", "ws");
  socket = Object.assign(new WebSocket(url), { onopen: () => { tries = 0; soon(); } });
  socket.onmessage = ({ data }) => { data.split("\n").filter(Boolean).forEach((line) => read(line)); soon(); };
  socket.onclose = () => { drawStatus(); setTimeout(connect, Math.min(250 * 2 ** tries, 4000), tries + 1); };
}

state.filter = $("filter").value = decodeURIComponent(location.hash.slice(1));
if (recorded) {
  const { head, records, code = {} } = JSON.parse(recorded.textContent);
  reset(head);
  trace.code = code;
  records.forEach(add);
  state.wanted = records.find((record) => record.req)?.req;
  set({ follow: false });
} else connect();
