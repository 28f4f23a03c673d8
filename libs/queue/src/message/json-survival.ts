import { types } from 'node:util';
import { quote } from './names.js';

/**
 * Whether JSON brings the value back as it was: equal under `===` leaf by leaf, with two documented exceptions. A
 * Date arrives as its ISO string (and any object with `toJSON` as what that returns), and an object's undefined
 * members are absent, which reads the same.
 */
export function survivesJson(value: unknown, depthLeft: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value);
    case 'object':
      return value === null || objectSurvives(value, depthLeft - 1);
    default:
      return false;
  }
}

function objectSurvives(value: object, depthLeft: number): boolean {
  if (depthLeft < 0) return false;
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) if (!survivesJson(value[at], depthLeft)) return false;
    return true;
  }
  if (hasJsonForm(value)) return !isInvalidDate(value) && formSurvives(value.toJSON(''), depthLeft);
  return membersSurvive(value, depthLeft);
}

/** What `toJSON` returned is written as it is: JSON does not ask it for its own form. */
function formSurvives(form: unknown, depthLeft: number): boolean {
  if (typeof form !== 'object' || form === null || Array.isArray(form)) return survivesJson(form, depthLeft);
  return membersSurvive(form, depthLeft);
}

function membersSurvive(value: object, depthLeft: number): boolean {
  if (losesItsContent(value)) return false;
  for (const key of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[key];
    if (member !== undefined && !survivesJson(member, depthLeft)) return false;
  }
  return true;
}

interface WithJsonForm {
  toJSON(key: string): unknown;
}

/** Binary data has a `toJSON` when it is a Buffer, and comes back as something else all the same. */
function hasJsonForm(value: object): value is WithJsonForm {
  return typeof (value as Partial<WithJsonForm>).toJSON === 'function' && !ArrayBuffer.isView(value);
}

function isInvalidDate(value: object): boolean {
  return types.isDate(value) && Number.isNaN(value.getTime());
}

/** Objects whose content JSON does not see: they would arrive as `{}`, as an object of indexes, or as a primitive. */
function losesItsContent(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return false;
  return (
    ArrayBuffer.isView(value) ||
    types.isBoxedPrimitive(value) ||
    types.isDate(value) ||
    types.isMap(value) ||
    types.isSet(value) ||
    types.isPromise(value) ||
    types.isAnyArrayBuffer(value) ||
    types.isRegExp(value) ||
    types.isNativeError(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value)
  );
}

export interface Loss {
  readonly path: string;
  readonly why: string;
  readonly cause?: unknown;
}

/** Names the first place of a value that does not survive. Slower than asking whether there is one. */
export function whatDoesNotSurvive(value: unknown, maxDepth: number): Loss {
  return find(value, '$', maxDepth) ?? { path: '$', why: 'changes while it is read' };
}

function find(value: unknown, path: string, depthLeft: number): Loss | undefined {
  try {
    if (typeof value !== 'object' || value === null) return leafLoss(value, path);
    if (depthLeft <= 0) return { path: shortened(path), why: 'nests too deeply, or refers back to itself' };
    return Array.isArray(value)
      ? findInArray(value, path, depthLeft - 1)
      : findInObject(value, path, depthLeft - 1);
  } catch (cause) {
    return { path: shortened(path), why: 'threw while it was read', cause };
  }
}

function leafLoss(value: unknown, path: string): Loss | undefined {
  if (survivesJson(value, 1)) return undefined;
  return {
    path: shortened(path),
    why: typeof value === 'number' ? `is ${value}, which JSON cannot write` : `is of type ${typeof value}`,
  };
}

function findInArray(value: readonly unknown[], path: string, depthLeft: number): Loss | undefined {
  for (let at = 0; at < value.length; at++) {
    const loss = find(value[at], `${path}[${at}]`, depthLeft);
    if (loss) return loss;
  }
  return undefined;
}

function findInObject(value: object, path: string, depthLeft: number): Loss | undefined {
  if (isInvalidDate(value)) return { path: shortened(path), why: 'is an invalid Date' };
  return hasJsonForm(value)
    ? findInForm(value.toJSON(''), path, depthLeft)
    : findInMembers(value, path, depthLeft);
}

function findInForm(form: unknown, path: string, depthLeft: number): Loss | undefined {
  if (typeof form !== 'object' || form === null || Array.isArray(form)) return find(form, path, depthLeft);
  return findInMembers(form, path, depthLeft);
}

function findInMembers(value: object, path: string, depthLeft: number): Loss | undefined {
  if (losesItsContent(value)) {
    return {
      path: shortened(path),
      why: `is a ${value.constructor?.name ?? 'special object'}, whose content JSON does not carry`,
    };
  }
  for (const key of Object.keys(value)) {
    const loss = findInMember(value, key, path, depthLeft);
    if (loss) return loss;
  }
  return undefined;
}

function findInMember(owner: object, key: string, path: string, depthLeft: number): Loss | undefined {
  const memberPath = PLAIN_KEY.test(key) ? `${path}.${key}` : `${path}[${quote(key)}]`;
  let member: unknown;
  try {
    member = (owner as Record<string, unknown>)[key];
  } catch (cause) {
    return { path: shortened(memberPath), why: 'threw while it was read', cause };
  }
  return member === undefined ? undefined : find(member, memberPath, depthLeft);
}

const PLAIN_KEY = /^[A-Za-z_$][\w$]*$/;

function shortened(path: string): string {
  return path.length > 200 ? `${path.slice(0, 200)}…` : path;
}
