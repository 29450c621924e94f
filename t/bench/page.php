<?php
$size = (int) substr($_SERVER['REQUEST_URI'], 1);
header('Content-Type: text/plain');
header("Content-Length: $size");
echo str_repeat('*', $size);
