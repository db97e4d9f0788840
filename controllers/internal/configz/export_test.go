package configz

// Decode is tested on more than a server can be made to say.
var Decode = decode
