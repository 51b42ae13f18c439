/** Events: what starts runs, what they wait for, and what they send. */
import { encodeObject } from "./json.js";
import { type Duration, type Moment, momentOf } from "./duration.js";
import type { Event as HostEvent, NewEvent } from "./runtime/native.js";

/** Event names, and the shape of their `data` and `user`: `{ "shop/order.placed": { data: { id: string } } }`. */
export type EventRecord = Record<string, { data?: any; user?: any }>;

/** An event that came in. */
export interface EventPayload<Name extends string = string, Data = any, User = any> {
  /** The id that its sender gave, else the host's. */
  id: string;
  name: Name;
  data: Data;
  /** Whom it is about, where its sender said so. */
  user?: User;
  /** When it happened, in milliseconds since 1970: as its sender said, else when it came in. */
  ts: number;
  /** The version of the data's shape, where its sender said so. */
  v?: string;
}

/** An event to send; the host fills what is left out. */
export interface EventToSend<Name extends string = string, Data = any, User = any> {
  /** Another event with the same id is not accepted again. */
  id?: string;
  name: Name;
  /** Has to be an object; `{}` when it is left out. */
  data?: Data;
  /** Has to be an object. */
  user?: User;
  /** When it happened. */
  ts?: Moment;
  v?: string;
}

/** The events that can be sent by their names. */
export type Sendable<E extends EventRecord> = {
  [N in keyof E & string]: EventToSend<N, E[N]["data"], E[N]["user"]>;
}[keyof E & string];

/** What is used of a schema by the Standard Schema rules: its type. */
export type Schema<Data> = { readonly "~standard": { readonly types?: { readonly output: Data } | undefined } };

/** A schema that is a type and nothing else: data is taken as it comes. */
export function staticSchema<Data>(): Schema<Data> {
  return { "~standard": {} };
}

/** An event by its name and type: a trigger, what a step waits for, and a way to make events to send. */
export class EventType<Name extends string = string, Data = any> {
  readonly name: Name;
  /** The name once more: that is what makes this a trigger. */
  readonly event: Name;
  readonly version: string | undefined;
  /** Only the type is used: the host takes data as it comes. */
  readonly schema: Schema<Data> | undefined;

  constructor(name: Name, options: { schema?: Schema<Data>; version?: string } = {}) {
    this.name = name;
    this.event = name;
    this.version = options.version;
    this.schema = options.schema;
  }

  /** An event of this type to send. */
  create(data: Data, options: Omit<EventToSend, "name" | "data"> = {}): EventToSend<Name, Data> {
    return { ...(this.version === undefined ? {} : { v: this.version }), ...options, name: this.name, data };
  }
}

/** See {@link EventType}. */
export function eventType<Name extends string, Data = any>(
  name: Name,
  options: { schema?: Schema<Data>; version?: string } = {},
): EventType<Name, Data> {
  return new EventType(name, options);
}

/** Collects the types of a client's events; there is nothing in it at run time. */
export class EventSchemas<E extends EventRecord = EventRecord> {
  /** The types, for the compiler only. */
  declare readonly types: E;

  fromRecord<T extends EventRecord>(): EventSchemas<T> {
    return new EventSchemas<T>();
  }

  fromUnion<T extends { name: string; data?: any; user?: any }>(): EventSchemas<{
    [N in T["name"]]: { data: Extract<T, { name: N }>["data"]; user: Extract<T, { name: N }>["user"] };
  }> {
    return new EventSchemas();
  }
}

/** Starts a function when such an event comes in. `shop/*` and `shop/order.*` take all that go on from there. */
export type EventTrigger<Name extends string = string> = {
  event: Name | EventType<any, any>;
  /** CEL over `event`: only events for which it is true. */
  if?: string;
};

/** Starts a function by the clock. */
export type CronTrigger = {
  /** Five fields, `@daily` and the like, or `@every 30m`; `TZ=Europe/Paris ` may stand before. */
  cron: string;
  /** The start is delayed by up to this. */
  jitter?: Duration;
};

/** What starts a function. */
export type Trigger<Name extends string = string> = EventTrigger<Name> | CronTrigger;

/** The names that a client's functions may be started by, and patterns. */
export type TriggerName<E extends EventRecord> = (keyof E & string) | `${string}*`;

/** One trigger, several, or none: such a function can be invoked. */
export type Triggers<E extends EventRecord = EventRecord> = OneTrigger<E> | readonly OneTrigger<E>[];

type OneTrigger<E extends EventRecord> = Trigger<TriggerName<E>> | EventType<any, any>;

/** A trigger by the clock. */
export function cron<const Schedule extends string>(schedule: Schedule): { cron: Schedule } {
  return { cron: schedule };
}

/** The data of the event with which a schedule starts a run. */
export type Tick = { cron: string; scheduledAt: string; fireAt: string };

/** The event that a trigger starts a run with. */
export type EventFor<E extends EventRecord, T> = T extends readonly (infer One)[]
  ? EventFor<E, One>
  : T extends EventType<infer N, infer D>
    ? EventPayload<N, D>
    : T extends { event: EventType<infer N, infer D> }
      ? EventPayload<N, D>
      : T extends { event: infer N extends string }
        ? N extends keyof E
          ? EventPayload<N, E[N]["data"], E[N]["user"]>
          : EventPayload<N>
        : T extends { cron: string }
          ? EventPayload<"inngest/scheduled.timer", Tick>
          : EventPayload;

/** The event as functions see it. */
export function eventOf(event: HostEvent): EventPayload {
  const { id, name, data, user, timestamp, version } = event;
  return withoutNulls({
    id,
    name,
    data: JSON.parse(data),
    user: user === undefined ? null : JSON.parse(user),
    ts: timestamp,
    v: version ?? null,
  });
}

/** What the host writes as null where there is none is left out, as the types have it. */
export function withoutNulls(event: Record<string, unknown>): EventPayload {
  const { user, v, ...rest } = event;
  return { ...rest, ...(user == null ? {} : { user }), ...(v == null ? {} : { v }) } as EventPayload;
}

/** The events as the host takes them. Throws `InvalidData` for what cannot be one. */
export function eventsToSend(events: EventToSend | readonly EventToSend[]): NewEvent[] {
  const list = Array.isArray(events) ? (events as readonly EventToSend[]) : [events as EventToSend];
  return list.map(({ id, name, data, user, ts, v }) => {
    const event: NewEvent = { name: String(name), data: encodeObject(data ?? {}, `the data of \`${name}\``) };
    if (id !== undefined) event.id = id;
    if (user != null) event.user = encodeObject(user, `the user of \`${name}\``);
    if (ts != null) event.timestamp = momentOf(ts);
    if (v != null) event.version = v;
    return event;
  });
}

/** The name of an event that is given by itself or by its type. */
export function nameOf(event: string | EventType): string {
  return typeof event === "string" ? event : event.name;
}
