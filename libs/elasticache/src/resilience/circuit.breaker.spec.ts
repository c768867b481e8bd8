import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { CircuitBreaker } from './circuit.breaker.js';

describe('A circuit breaker', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  const open = (random = () => 0) => {
    const clock = { time: 1_000, now: () => clock.time };
    const states: string[] = [];
    const questions: { answer(): void; fail(): void }[] = [];
    const breaker = new CircuitBreaker({
      clock,
      random,
      probe: () =>
        new Promise<void>((answer, fail) =>
          questions.push({ answer, fail: () => fail(new Error('of the probe')) }),
        ),
      onChange: ({ kind }) => void states.push(kind),
    });
    const pass = async (ms: number) => {
      clock.time += ms;
      await jest.advanceTimersByTimeAsync(ms);
    };
    const failTimes = (count: number) => {
      for (let i = 0; i < count; i++) breaker.failed('no answer');
    };
    return { breaker, states, questions, pass, failTimes };
  };

  it('opens with the third failure in a row, and says why', () => {
    const { breaker, states, failTimes } = open();
    failTimes(2);
    expect(breaker.isClosed).toBe(true);
    failTimes(1);
    expect(breaker.state).toEqual({ kind: 'open', since: 1_000, why: 'no answer' });
    failTimes(5);
    expect(states).toEqual(['open']);
  });

  it('forgets failures once anything was answered', () => {
    const { breaker, failTimes } = open();
    failTimes(2);
    breaker.succeeded();
    failTimes(2);
    expect(breaker.isClosed).toBe(true);
  });

  it('asks by itself, one question at a time, and closes with the first answer', async () => {
    const { breaker, states, questions, pass, failTimes } = open();
    failTimes(3);
    await pass(49);
    expect(questions).toHaveLength(0);
    await pass(1);
    expect(breaker.state.kind).toBe('half-open');
    await pass(1_000);
    breaker.ask();
    breaker.succeeded();
    expect(questions).toHaveLength(1);
    questions[0]!.fail();
    await pass(0);
    expect(breaker.state).toEqual({ kind: 'open', since: 1_000, why: 'no answer' });
    await pass(50);
    questions[1]!.answer();
    await pass(0);
    expect(breaker.isClosed).toBe(true);
    expect(states).toEqual(['open', 'half-open', 'open', 'half-open', 'closed']);
  });

  it('leaves a random time between its questions', async () => {
    const { questions, pass, failTimes } = open(() => 1);
    failTimes(3);
    await pass(99);
    expect(questions).toHaveLength(0);
    await pass(1);
    expect(questions).toHaveLength(1);
  });

  it('asks at once when something is answered that nobody waits for any more', async () => {
    const { breaker, questions, pass, failTimes } = open();
    failTimes(3);
    breaker.succeeded();
    questions[0]!.answer();
    await pass(0);
    expect(breaker.isClosed).toBe(true);
    await pass(1_000);
    expect(questions).toHaveLength(1);
  });

  it('opens at once where it is known why, and tells how long that is ago', async () => {
    const { breaker, pass } = open();
    expect(breaker.openForMs).toBe(0);
    breaker.open('the connection was lost');
    await pass(70);
    expect([breaker.isClosed, breaker.openForMs]).toEqual([false, 70]);
  });

  it('stopped, it asks no more', async () => {
    const { breaker, states, questions, pass, failTimes } = open();
    failTimes(3);
    await pass(50);
    breaker.stop();
    questions[0]!.fail();
    await pass(1_000);
    breaker.ask();
    expect([questions.length, states]).toEqual([1, ['open', 'half-open']]);
    expect(jest.getTimerCount()).toBe(0);
  });
});
