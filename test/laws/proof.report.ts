import { inspect } from 'node:util';
import { VERDICTS } from '@pigeonpost/queue/testing';
import { isSound, type LawLine, type Proof } from './proof.js';

const RESULT_WIDTH = Math.max(...VERDICTS.map((verdict) => verdict.length));
const ID_WIDTH = 6;

/** Every law on a line, the sum, and what is wrong. Ends with a line break. */
export function asText(proof: Proof): string {
  return lines([`laws of ${proof.backend}`, ...proof.laws.map(lineOf), sumOf(proof), ...wrongs(proof)]);
}

/** The sum, and the laws that have not simply passed. */
export function asSummary(proof: Proof): string {
  const notable = proof.laws.filter(({ result }) => result !== 'passed');
  return lines([sumOf(proof), ...notable.map(lineOf)]);
}

/** The same as data: a record per backend and, in it, one per law. */
export function asJson(proofs: readonly Proof[]): string {
  const backends = proofs.map((proof) => ({
    backend: proof.backend,
    passed: isSound(proof),
    sum: counts(proof.laws),
    unproven: proof.unproven,
    laws: proof.laws,
    capabilities: proof.capabilities,
  }));
  return `${JSON.stringify({ passed: proofs.every(isSound), backends }, undefined, 2)}\n`;
}

function lineOf({ id, title, result, why }: LawLine): string {
  const reason = why === undefined ? '' : ` (${why})`;
  return `  ${result.padEnd(RESULT_WIDTH)}  ${id.padEnd(ID_WIDTH)}${title}${reason}`;
}

function sumOf({ backend, laws }: Proof): string {
  const sum = Object.entries(counts(laws)).map(([result, count]) => `${count} ${result}`);
  return `laws of ${backend}: ${sum.join(', ')}`;
}

function counts(laws: readonly LawLine[]): Readonly<Record<string, number>> {
  return Object.fromEntries(
    VERDICTS.map((wanted) => [wanted, laws.filter(({ result }) => result === wanted).length]),
  );
}

function wrongs({ errors, unproven }: Proof): readonly string[] {
  return [
    ...[...errors].map(([id, error]) => `\n${id} failed: ${inspect(error)}`),
    ...unproven.map((name) => `\nno law has shown the capability "${name}" that is claimed`),
  ];
}

function lines(of: readonly string[]): string {
  return `${of.join('\n')}\n`;
}
