import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import javax.tools.ToolProvider;

/**
 * Signs many documents in one start of the JVM: each line of the standard input holds the arguments of one run of
 * SignXml, with tabs between them.
 *
 * java SignMany.java SignXml.java FOLDER-FOR-CLASSES
 */
public class SignMany {
    public static void main(String[] args) throws Exception {
        if (ToolProvider.getSystemJavaCompiler().run(null, null, null, "-d", args[1], args[0]) != 0) {
            throw new IllegalStateException(args[0] + " was not compiled");
        }
        URL classes = Path.of(args[1]).toUri().toURL();
        try (URLClassLoader loader = new URLClassLoader(new URL[] {classes});
            BufferedReader jobs = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            Method sign = loader.loadClass("SignXml").getMethod("main", String[].class);
            for (String job = jobs.readLine(); job != null; job = jobs.readLine()) {
                sign.invoke(null, (Object) job.split("\t"));
            }
        }
    }
}
