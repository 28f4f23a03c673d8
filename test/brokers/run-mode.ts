/** What a run can be told by PIGEONPOST_BROKERS. Otherwise it starts the brokers that are installed. */
export const REQUIRED = 'required';
export const NONE = 'none';
