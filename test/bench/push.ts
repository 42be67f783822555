import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { residentMemoryMb } from './memory.ts';
import { openReader, type SeenChange, type StreamReader } from './push-streams.ts';
import { adminKey } from './subject.ts';
import type { Server } from './load.ts';

/** The load of the push bench. */
export interface PushLoad {
  projects: number;
  /** Streams of all projects together; each follows its project. */
  streams: number;
  changesPerSecond: number;
  seconds: number;
  /** Boundaries that come within one second. */
  boundaries: number;
  /** Endpoints of one project; the last one never answers. */
  endpoints: number;
}

interface Project {
  id: string;
  /** One per hundred streams, the limit of a key. */
  keys: string[];
}

/** A measured delay and its limit. */
export interface PushRow {
  name: string;
  count: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  isWithin: boolean;
  limit: string;
}

/** The limit of a key. */
const streamsPerKey = 100;

/** How far apart the writes of the load are, milliseconds. Each grants to several users of one project. */
const writeEveryMs = 100;

/** Time between the creation of boundaries and the first of them, milliseconds. */
const boundariesAheadMs = 60_000;

/** Measures how soon apps hear of changes: by streams, at boundaries, and by webhooks. */
export async function measurePush(service: Server, load: PushLoad): Promise<PushRow[]> {
  const world = await openWorld(service, load);
  try {
    const rows: PushRow[] = [];
    for (const measureOne of [measureStreams, measureBoundaries, measureBurst, measureWebhooks]) {
      rows.push(await measureOne(world));
    }
    return rows;
  } finally {
    world.close();
  }
}

/**
 * Holds the streams and the changes for ten minutes, with slow readers among them; returns whether the
 * service's memory stayed within bounds.
 */
export async function watchPushMemory(
  service: Server,
  load: PushLoad,
  maxGrowth: number,
): Promise<boolean> {
  const world = await openWorld(service, load);
  try {
    for (const [nth, reader] of world.readers.entries()) if (nth % 20 === 0) reader.pause();
    const residentMb: number[] = [];
    for (let minute = 1; minute <= 10; minute += 1) {
      await write({ ...world, load: { ...load, seconds: 60 } });
      residentMb.push(await residentMemoryMb(service));
      console.log(`minute ${String(minute).padStart(2)}: ${residentMb.at(-1)?.toFixed(0)} MB`);
    }
    const growth = (residentMb.at(-1) ?? NaN) / (residentMb[1] ?? NaN);
    console.log(`after 10 minutes beside after 2: ${growth.toFixed(2)} (<= ${maxGrowth})`);
    return growth <= maxGrowth;
  } finally {
    world.close();
  }
}

interface World {
  service: Server;
  load: PushLoad;
  projects: Project[];
  readers: StreamReader[];
  /** Called with each change that a stream receives. */
  heard: { onChange: (change: SeenChange) => void };
  close(): void;
}

async function openWorld(service: Server, load: PushLoad): Promise<World> {
  const projects: Project[] = [];
  for (let nth = 1; nth <= load.projects; nth += 1) {
    projects.push(await createProject(service, nth, load.streams / load.projects));
  }
  const heard: World['heard'] = { onChange: () => undefined };
  const readers: StreamReader[] = [];
  for (let nth = 0; nth < load.streams; nth += 1) {
    const keys = projects[nth % projects.length]?.keys ?? [];
    const key = keys[Math.floor(nth / projects.length / streamsPerKey)] ?? '';
    readers.push(
      await openReader(service.url, key, (change) => {
        heard.onChange(change);
      }),
    );
  }
  process.stderr.write(`  push: ${load.streams} streams of ${load.projects} projects are open\n`);
  return {
    ...{ service, load, projects, readers, heard },
    close() {
      for (const reader of readers) reader.close();
    },
  };
}

async function measureStreams(world: World): Promise<PushRow> {
  const delays = createHistogram({ lowest: 1, highest: 60_000, figures: 3 });
  let received = 0;
  world.heard.onChange = ({ recordedAt, arrivedAt }) => {
    received += 1;
    delays.record(Math.max(1, arrivedAt - recordedAt));
  };
  const changes = await write(world);
  const { streams, projects } = world.load;
  await reached(() => received >= (changes * streams) / projects, 30_000);
  return toRow(
    `commit -> byte at a stream's client (${streams} streams, ${world.load.changesPerSecond} changes/s)`,
    delays,
    250,
  );
}

/** Few boundaries a second: each is told within a second. */
function measureBoundaries(world: World): Promise<PushRow> {
  const plan = { count: 200, aheadMs: boundariesAheadMs / 4, overMs: 10_000 };
  return measureEnds(world, plan, (delays) =>
    toRow('boundary -> client (20 boundaries/s)', delays, 1_000),
  );
}

/** Many boundaries within one second: the last is told within ten. */
function measureBurst(world: World): Promise<PushRow> {
  const { boundaries: count } = world.load;
  const plan = { count, aheadMs: boundariesAheadMs, overMs: 1_000 };
  return measureEnds(world, plan, (delays) =>
    toRow(`boundary -> client (${count} boundaries within one second)`, delays, 10_000, 'max'),
  );
}

async function measureEnds(
  { projects, load, service, heard }: World,
  plan: { count: number; aheadMs: number; overMs: number },
  toResult: (delays: RecordableHistogram) => PushRow,
): Promise<PushRow> {
  const delays = createHistogram({ lowest: 1, highest: 60_000, figures: 3 });
  let received = 0;
  heard.onChange = ({ isBoundary, at, arrivedAt }) => {
    if (!isBoundary) return;
    received += 1;
    delays.record(Math.max(1, arrivedAt - at));
  };
  await grantMany(service, projects, plan.count, Date.now() + plan.aheadMs, plan.overMs);
  await reached(() => received >= (plan.count * load.streams) / load.projects, 180_000);
  return toResult(delays);
}

async function measureWebhooks(world: World): Promise<PushRow> {
  const [project] = world.projects;
  if (project === undefined) throw new Error('the bench has no project');
  const delays = createHistogram({ lowest: 1, highest: 60_000, figures: 3 });
  let received = 0;
  const seen = new Set<string>();
  const receiver = await startReceiver((path, id, body) => {
    if (path.endsWith('hanging') || seen.has(id)) return;
    seen.add(id);
    received += 1;
    const recordedAt = /"recorded_at":"([^"]+)"/.exec(body)?.[1] ?? '';
    delays.record(Math.max(1, Date.now() - Date.parse(recordedAt)));
  });
  try {
    const { endpoints } = world.load;
    for (let nth = 1; nth <= endpoints; nth += 1) {
      const path = nth === endpoints ? '/hanging' : `/${nth}`;
      await post(world.service, '/admin/webhook-endpoints', {
        project_id: project.id,
        url: `${receiver.url}${path}`,
      });
    }
    world.heard.onChange = () => undefined;
    const changesPerSecond = 10;
    const changes = await write({
      ...world,
      projects: [project],
      load: { ...world.load, changesPerSecond },
    });
    await reached(() => received >= changes * (endpoints - 1), 60_000);
    return toRow(
      `commit -> first webhook attempt (${endpoints} endpoints, one hanging, ${changesPerSecond} changes/s)`,
      delays,
      1_000,
    );
  } finally {
    receiver.server.closeAllConnections();
    receiver.server.close();
  }
}

/** Grants to new users at the load's rate; returns the number of changes. */
async function write({ service, projects, load }: World): Promise<number> {
  const perWrite = (load.changesPerSecond * writeEveryMs) / 1_000;
  const writes = (load.seconds * 1_000) / writeEveryMs;
  const startedAt = Date.now();
  const pending: Promise<unknown>[] = [];
  for (let nth = 0; nth < writes; nth += 1) {
    await sleep(Math.max(0, startedAt + nth * writeEveryMs - Date.now()));
    const project = projects[nth % projects.length];
    if (project !== undefined) pending.push(grantBulk(service, project, perWrite, null));
  }
  await Promise.all(pending);
  return writes * perWrite;
}

/** Grants to new users of all projects, with ends that are spread evenly over a time. */
async function grantMany(
  service: Server,
  projects: readonly Project[],
  count: number,
  from: number,
  overMs: number,
): Promise<void> {
  const each = count / projects.length;
  for (const project of projects) {
    await grantBulk(service, project, each, (nth) => from + Math.floor((nth * overMs) / each));
  }
  if (Date.now() > from) throw new Error('the boundaries came before they were stored');
}

let users = 0;

async function grantBulk(
  service: Server,
  project: Project,
  count: number,
  endOf: ((nth: number) => number) | null,
): Promise<void> {
  const grants = Array.from({ length: count }, (_, nth) => {
    users += 1;
    return {
      user_id: `p_${users}`,
      feature_code: 'export',
      ...(endOf === null ? {} : { valid_to: new Date(endOf(nth)).toISOString() }),
    };
  });
  await post(service, '/admin/grants/bulk', {
    project_id: project.id,
    reason: 'the bench',
    grants,
  });
}

async function createProject(service: Server, nth: number, streams: number): Promise<Project> {
  const id = `push-${nth}`;
  await post(service, '/admin/projects', { id, name: id });
  const keys: string[] = [];
  for (let left = streams; left > 0; left -= streamsPerKey) {
    const made = await post(service, `/admin/projects/${id}/keys`, { name: id, scopes: ['read'] });
    keys.push(z.object({ key: z.string() }).parse(made).key);
  }
  await post(
    service,
    '/admin/features/export',
    { project_id: id, name: 'Export', type: 'boolean' },
    'PUT',
  );
  return { id, keys };
}

async function post(
  { url }: Server,
  path: string,
  body: object,
  method: 'POST' | 'PUT' = 'POST',
): Promise<unknown> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) {
    const text = await response.text();
    throw new Error(`${path}: ${response.status} ${text.slice(0, 300)}`);
  }
  return response.json();
}

/** Starts a receiver of webhooks; it answers at once, but never on a path that ends in `hanging`. */
async function startReceiver(
  onMessage: (path: string, id: string, body: string) => void,
): Promise<{ url: string; server: HttpServer }> {
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => {
      body += part;
    });
    request.on('end', () => {
      onMessage(path, String(request.headers['webhook-id']), body);
      if (!path.endsWith('hanging')) response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

async function reached(isDone: () => boolean, withinMs: number): Promise<void> {
  const until = Date.now() + withinMs;
  while (!isDone()) {
    if (Date.now() > until) throw new Error('not every change arrived');
    await sleep(50);
  }
}

function toRow(
  name: string,
  delays: RecordableHistogram,
  limitMs: number,
  of: 'p99' | 'max' = 'p99',
): PushRow {
  const figures = { p99: delays.percentile(99), max: delays.max };
  return {
    name,
    count: delays.count,
    p50Ms: delays.percentile(50),
    p99Ms: figures.p99,
    maxMs: figures.max,
    isWithin: figures[of] < limitMs,
    limit: `${of} < ${limitMs}`,
  };
}

/** Prints a row for people. */
export function printRow({ name, count, p50Ms, p99Ms, maxMs, limit, isWithin }: PushRow): void {
  console.log(
    `${name}\n    ${count} received · p50 ${p50Ms} ms · p99 ${p99Ms} ms · max ${maxMs} ms · limit ${limit} ms: ${isWithin ? 'held' : 'MISSED'}`,
  );
}
