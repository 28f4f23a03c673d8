#!/usr/bin/env node
import { postgresCommand } from './postgres.command.js';

const { out, error, exitCode } = postgresCommand(process.argv.slice(2));
process.stdout.write(out);
process.stderr.write(error);
process.exitCode = exitCode;
